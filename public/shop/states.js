/** What stands where a list would be: nothing found, something failed. */

import { element } from "./dom.js"

/** @param actions Links and buttons that lead on. */
export function emptyState(title, text, ...actions) {
  return element(
    "div",
    { class: "empty" },
    element("h2", {}, title),
    element("p", {}, text),
    actions.length > 0 && element("p", { class: "actions" }, ...actions),
  )
}

/** @param error What was thrown; its message can be shown. @param retry Called by the button. */
export function errorState(title, error, retry) {
  const again = element("button", { type: "button", class: "button", onclick: retry }, "Try again")
  const state = emptyState(title, error.message, again)
  state.setAttribute("role", "alert")
  return state
}
