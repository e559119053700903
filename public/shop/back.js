/** Where a link in a mail and a provider come back to. */

import { client, isProblem } from "./client.js"
import { element, find } from "./dom.js"
import { nextPath, signInPath } from "./next.js"
import { emptyState } from "./states.js"

const WRONG = {
  access_denied: "You stopped it there. Nothing has changed.",
  account_exists:
    "The address has an account here already, and the provider hasn’t made sure that it is yours. Sign in as you did before; then you can link the provider on your account’s page.",
  provider_refused: "The provider refused the sign-in.",
  provider_unreachable: "The provider can’t be reached at the moment.",
  provider_answer_invalid: "The provider’s answer wasn’t right.",
}

const next = nextPath()

try {
  const { mfa } = await client.auth.completeRedirect()
  if (mfa) sessionStorage.setItem("mfa", JSON.stringify(mfa)) // the form for it is there
  location.replace(mfa ? signInPath({ next }) : next)
} catch (error) {
  showWrong(error)
}

function showWrong(error) {
  const text = WRONG[error.code] ?? (isProblem(error) ? error.message : "That sign-in can’t be finished here.")
  const again = element("a", { class: "button", href: signInPath({ next }) }, "Sign in another way")
  const home = element("a", { class: "button quiet", href: "/" }, "To the films")
  const state = emptyState(
    "That didn’t work",
    `${text} A link is good once, and only in the browser that asked for it.`,
    again,
    home,
  )
  find("#main").replaceChildren(state)
}
