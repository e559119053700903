/** Where a link in a mail and a provider come back to. */

import { client, isProblem } from "./client.js"
import { element, find } from "./dom.js"
import { keep } from "./kept.js"
import { nextPath, signInPath } from "./next.js"
import { emptyState } from "./states.js"

const next = nextPath()

try {
  const returned = await client.auth.completeRedirect()
  if (returned?.mfa) keep("mfa", returned.mfa) // the form for it is there
  location.replace(returned?.mfa ? signInPath({ next }) : next)
} catch (error) {
  showWrong(error)
}

function showWrong(error) {
  const text = isProblem(error) ? error.message : "This sign-in can’t be finished."
  const isIn = client.auth.user && !client.auth.user.isAnonymous
  const again = isIn
    ? element("a", { class: "button", href: next }, "Go back")
    : element("a", { class: "button", href: signInPath({ next }) }, "Sign in another way")
  const home = element("a", { class: "button quiet", href: "/" }, "To the films")
  find("#main").replaceChildren(
    element("h1", { class: "unseen" }, "Signing in"),
    emptyState("That didn’t work", text, again, home),
  )
  find("#main").focus()
}
