/** The own account: each part of the page is a module of its own. */

import { client } from "../client.js"
import { element, find } from "../dom.js"
import { date } from "../format.js"
import { signInPath } from "../next.js"
import { toastProblem } from "../notices.js"
import { emptyState } from "../states.js"
import { offerDeletion } from "./delete.js"
import { offerSecondStep } from "./factor.js"
import { showIdentities } from "./identities.js"
import { offerKeys } from "./keys.js"
import { offerPasskeys } from "./passkeys.js"
import { offerPassword } from "./password.js"
import { offerProfile } from "./profile.js"
import { showSessions } from "./sessions.js"

const { auth } = client
let shownId

auth.onAuthChange(show)
find("#sign-out").addEventListener("click", () => auth.signOut().catch(toastProblem))
document.addEventListener("visibilitychange", refresh)

function show(user) {
  const isAccount = user !== null && !user.isAnonymous
  find("#account-page").hidden = !isAccount
  find("#place").replaceChildren(
    ...(isAccount ? [] : [element("h1", { class: "unseen" }, "Your account"), invitation(user)]),
  )
  if (!isAccount) return
  find("#hello").textContent = user.name ? `Hello, ${user.name}` : "Your account"
  find("#since").textContent = `With us since ${date(user.createdAt)}`
  if (shownId === user.id) return
  if (shownId) return location.reload() // somebody else
  shownId = user.id
  for (const part of [
    offerProfile,
    offerPassword,
    offerPasskeys,
    offerSecondStep,
    showSessions,
    showIdentities,
    offerKeys,
    offerDeletion,
  ])
    part()
  refresh()
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView()
}

/** What was changed elsewhere: an address is confirmed in another tab. */
function refresh() {
  if (shownId && auth.user && document.visibilityState === "visible") auth.refreshUser().catch(() => undefined)
}

function invitation(user) {
  const signIn = element("a", { class: "button", href: signInPath() }, user ? "Sign in or make an account" : "Sign in")
  const text = user
    ? "What you have put into the cart and ordered stays when you make an account."
    : "Sign in to see your account."
  return emptyState(user ? "You are a guest" : "You are signed out", text, signIn)
}
