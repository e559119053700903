/** The messages of a room: it stays at the end, unless somebody is reading further up. */

import { element, find } from "./dom.js"
import { date } from "./format.js"

const NEAR_END_PX = 48
/** Within it the next message of the same person has no name above it. */
const SAME_BREATH_MS = 5 * 60_000

const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit" })

export function openLog() {
  const scroller = find("#scroller")
  const list = find("#messages")
  const newer = find("#newer")
  const shown = new Map()

  const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX
  const goToEnd = () => {
    scroller.scrollTop = scroller.scrollHeight
    newer.hidden = true
  }
  newer.addEventListener("click", goToEnd)
  scroller.addEventListener("scroll", () => {
    if (isAtEnd()) newer.hidden = true
  })

  /** @param actions What can be done with those that weren't sent. */
  function show(messages, unsent, { ownId, retry, drop }) {
    const wasAtEnd = isAtEnd()
    const before = shown.size
    const items = [
      ...messages.flatMap((message, index) => sentItems(message, messages[index - 1], ownId)),
      ...unsent.map((message) => unsentItem(message, retry, drop)),
    ]
    for (const [key, item] of shown) if (!items.includes(item)) forget(key, item)
    for (const [index, item] of items.entries())
      if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null)
    if (wasAtEnd) goToEnd()
    else if (shown.size > before) newer.hidden = false
  }

  /** The first of a day has the day above it. */
  function sentItems(message, previous, ownId) {
    const day = date(message.at)
    const item = sentItem(message, previous, ownId)
    return previous && date(previous.at) === day ? [item] : [dayItem(day), item]
  }

  function dayItem(day) {
    const item = shown.get(day) ?? element("li", { class: "day" }, day)
    shown.set(day, item)
    return item
  }

  function sentItem({ seq, data, from, at }, previous, ownId) {
    const known = shown.get(seq)
    if (known) return known
    const isOwn = from.id === ownId
    const goesOn = previous?.from.id === from.id && Date.parse(at) - Date.parse(previous.at) < SAME_BREATH_MS
    const item = element(
      "li",
      {
        class: `message ${isOwn ? "is-own" : ""} ${goesOn ? "goes-on" : ""}`,
      },
      element(
        "p",
        { class: "by" },
        element("strong", {}, isOwn ? "You" : (from.name ?? "Guest")),
        element("time", { datetime: at }, clock.format(new Date(at))),
      ),
      element("p", { class: "text" }, data.text),
    )
    shown.set(seq, item)
    return item
  }

  function unsentItem({ id, text, failed }, retry, drop) {
    const key = `${id} ${failed ?? ""}`
    const known = shown.get(key)
    if (known) return known
    const item = element(
      "li",
      { class: `message is-own ${failed ? "is-failed" : "is-pending"}` },
      element("p", { class: "by" }, element("strong", {}, "You"), failed ? failed : "sending …"),
      element("p", { class: "text" }, text),
      failed &&
        element(
          "p",
          { class: "actions" },
          element("button", { type: "button", class: "plain", onclick: () => retry({ id, text }) }, "Send again"),
          element("button", { type: "button", class: "plain", onclick: () => drop({ id }) }, "Drop it"),
        ),
    )
    shown.set(key, item)
    return item
  }

  function forget(key, item) {
    shown.delete(key)
    item.remove()
  }

  return { show, goToEnd: () => requestAnimationFrame(goToEnd) }
}
