/** What a page shows when not even the client could be loaded. */

import { element } from "./dom.js"
import { emptyState } from "./states.js"

export function showUnreachable() {
  document.title = "Not reachable · Selvedge Films"
  const again = element("button", { type: "button", class: "button", onclick: () => location.reload() }, "Try again")
  const state = emptyState("The shop can’t be reached", "Its server gives no answer. Look at your connection.", again)
  document.querySelector("main").replaceChildren(state)
}
