/** Lists of what belongs to the account. */

import { element } from "../dom.js"
import { onClick } from "./fresh.js"

/**
 * @param list The `ul`.
 * @param options.load Asks for the things. @param options.item Makes the `li` of one. @param options.empty Said when there is none.
 * @returns Asks and shows them, at first and after each change.
 */
export function listOf(list, { load, item, empty }) {
  async function show() {
    try {
      const things = await load()
      list.replaceChildren(...things.map(item))
      if (things.length === 0 && empty) list.append(element("li", { class: "faint" }, empty))
    } catch (error) {
      const again = element("button", { type: "button", class: "plain", onclick: show }, "Try again")
      list.replaceChildren(element("li", { role: "alert" }, element("span", {}, error.message), again))
    }
  }
  list.replaceChildren(element("li", { class: "skeleton thing-skeleton" }))
  return show
}

/** @param buttons `{ text, label, part, run }` each. */
export function thing(title, tag, facts, buttons) {
  return element(
    "li",
    { class: "thing" },
    element(
      "div",
      {},
      element("strong", {}, title),
      tag && element("span", { class: "tag good" }, tag),
      element("p", { class: "faint" }, facts.filter(Boolean).join(" · ")),
    ),
    element(
      "div",
      { class: "actions" },
      ...buttons.filter(Boolean).map(({ text, label, part, run }) => {
        const button = element("button", { type: "button", class: "button quiet small", "aria-label": label }, text)
        onClick(button, part, run)
        return button
      }),
    ),
  )
}
