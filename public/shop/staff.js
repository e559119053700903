/** What staff does: prices and stock, reviews that are better hidden, new films. */

import { client } from "./client.js"
import { element, find } from "./dom.js"
import { signInPath } from "./next.js"
import { showFilms } from "./staff-films.js"
import { offerNewFilm } from "./staff-new-film.js"
import { showReviews } from "./staff-reviews.js"
import { emptyState } from "./states.js"

const STAFF = ["staff", "admin"]
let isOpen = false

client.auth.onAuthChange((user) => {
  const isStaff = user?.roles.some((role) => STAFF.includes(role)) ?? false
  find("#staff").hidden = !isStaff
  find("#place").replaceChildren(...(isStaff ? [] : [refusal(user)]))
  if (!isStaff || isOpen) return
  isOpen = true
  showFilms()
  showReviews()
  offerNewFilm()
})

function refusal(user) {
  const home = element("a", { class: "button quiet", href: "/" }, "To the films")
  if (!user || user.isAnonymous) {
    const signIn = element("a", { class: "button", href: signInPath() }, "Sign in")
    return emptyState("Staff only", "Sign in with an account that works here.", signIn, home)
  }
  const again = element("a", { class: "button", href: signInPath({ again: true }) }, "Sign in again")
  const text = `${user.email ?? "This account"} doesn’t work here. An admin gives the role “staff”; sign in again once you have it. On a developer’s machine: npm run -s token -- --email ${user.email ?? "you@example.com"} --role staff`
  return emptyState("Staff only", text, again, home)
}
