/** Short notices at the edge of the page, and questions before something is lost. */

import { element } from "./dom.js"

const SHOWN_MS = 6_000

const region = element("div", { class: "toasts", role: "status" })
document.body.append(region)
document.head.append(element("link", { rel: "stylesheet", href: "/shop/notices.css" }))

/**
 * Says something for a while, to screen readers as well.
 *
 * @param options.kind `failed` for what went wrong.
 * @param options.action What can be done about it: `{ text, href }` or `{ text, run }`.
 */
export function toast(text, { kind, action } = {}) {
  const notice = element("div", { class: `toast ${kind ?? ""}` }, element("p", {}, text))
  if (action?.href) notice.append(element("a", { href: action.href }, action.text))
  if (action?.run) {
    const run = () => {
      if (notice.contains(document.activeElement)) document.querySelector("#main").focus()
      notice.remove()
      action.run()
    }
    notice.append(element("button", { type: "button", class: "plain", onclick: run }, action.text))
  }
  region.append(notice)
  let timer = setTimeout(() => notice.remove(), SHOWN_MS)
  notice.addEventListener("mouseenter", () => clearTimeout(timer))
  notice.addEventListener("focusin", () => clearTimeout(timer))
  notice.addEventListener("mouseleave", () => {
    timer = setTimeout(() => notice.remove(), SHOWN_MS)
  })
}

/** @param error What was thrown; its message can be shown. */
export function toastProblem(error) {
  toast(error.message, { kind: "failed" })
}

/** Asks in a dialog. @returns Whether it was agreed to. */
export function ask({ title, text, yes, no = "Cancel", isDangerous = false }) {
  const heading = element("h2", { id: "ask-title" }, title)
  const dialog = element(
    "dialog",
    { class: "dialog", "aria-labelledby": "ask-title" },
    heading,
    element("p", {}, text),
    element(
      "form",
      { method: "dialog", class: "actions" },
      element("button", { value: "no", class: "button quiet" }, no),
      element("button", { value: "yes", class: `button ${isDangerous ? "danger" : ""}` }, yes),
    ),
  )
  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove()
      resolve(dialog.returnValue === "yes")
    })
  })
}
