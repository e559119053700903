/** What changes the ways to sign in asks for a sign-in of the last ten minutes. */

import { isProblem } from "../client.js"
import { signInPath } from "../next.js"
import { ask, toastProblem } from "../notices.js"

/**
 * Does it, or leads through the sign-in and back to the part of the page.
 *
 * @param part The id of the section.
 * @returns Whether it was done.
 */
export async function whileFresh(part, work) {
  try {
    await work()
    return true
  } catch (error) {
    if (!isProblem(error, "reauthentication_required")) throw error
    const isWilling = await ask({
      title: "Is it still you?",
      text: "Your sign-in is a while ago, or was without your second step. Sign in again, then you come back here.",
      yes: "Sign in again",
    })
    if (isWilling) location.assign(signInPath({ again: true, next: `/account#${part}` }))
    return false
  }
}

/** The same for a button, which waits meanwhile; its problem is a notice. */
export function onClick(button, part, work) {
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return
    button.setAttribute("aria-disabled", "true")
    await whileFresh(part, work).catch((error) => isProblem(error, "cancelled", "popup_closed") || toastProblem(error))
    button.removeAttribute("aria-disabled")
  })
}
