/** Dialogs of the account's page: a text to type, and secrets that are shown once. */

import { element } from "../dom.js"
import { toast } from "../notices.js"

/**
 * Asks for a text.
 *
 * @param options.expected What must be typed, if one thing only will do.
 * @returns The text; undefined when it was called off.
 */
export function askText({ title, text, label, value = "", yes, expected, isDangerous = false, type = "text" }) {
  const input = element("input", {
    id: "asked",
    name: "asked",
    value,
    maxlength: 254,
    autocomplete: "off",
    type,
    required: true,
  })
  const go = element("button", { class: `button ${isDangerous ? "danger" : ""}`, value: "yes", type: "submit" }, yes)
  const check = () => {
    go.disabled = expected !== undefined && input.value.trim().toLowerCase() !== expected.toLowerCase()
  }
  input.addEventListener("input", check)
  check()
  const dialog = element(
    "dialog",
    { class: "dialog", "aria-labelledby": "asked-title" },
    element("h2", { id: "asked-title" }, title),
    text && element("p", {}, text),
    element(
      "form",
      { method: "dialog", class: "form" },
      element("div", { class: "field" }, element("label", { for: "asked" }, label), input),
      element("div", { class: "actions" }, closer(), go),
    ),
  )
  return open(dialog).then((answer) => (answer === "yes" ? input.value.trim() : undefined))
}

/** @param lines Each a secret, which nobody can be shown again. @returns When they were put away. */
export function showSecrets({ title, text, lines, fileName }) {
  const all = lines.join("\n")
  const copy = async () => {
    await navigator.clipboard.writeText(all).then(
      () => toast("Copied."),
      () => toast("The browser doesn’t let pages copy. Mark the text and copy it yourself.", { kind: "failed" }),
    )
  }
  const file = URL.createObjectURL(new Blob([`${all}\n`], { type: "text/plain" }))
  const dialog = element(
    "dialog",
    // the key that closes others must not lose what is shown once
    { class: "dialog", "aria-labelledby": "secrets-title", closedby: "none", oncancel: stay },
    element("h2", { id: "secrets-title" }, title),
    element("p", {}, text),
    element(
      "ul",
      { class: `secrets ${lines.length > 1 ? "are-many" : ""}` },
      ...lines.map((line) => element("li", { class: "secret" }, line)),
    ),
    element(
      "form",
      { method: "dialog", class: "actions" },
      element("button", { type: "button", class: "button quiet", onclick: copy }, "Copy"),
      element("a", { class: "button quiet", href: file, download: fileName }, "Download"),
      element("button", { class: "button", type: "submit" }, lines.length > 1 ? "I have kept them" : "I have kept it"),
    ),
  )
  return open(dialog).then(() => URL.revokeObjectURL(file))
}

function stay(event) {
  event.preventDefault()
}

/** No submit button: the first of those is what Enter presses. */
function closer() {
  const close = ({ target }) => target.closest("dialog").close("no")
  return element("button", { class: "button quiet", type: "button", onclick: close }, "Cancel")
}

function open(dialog) {
  const before = document.activeElement
  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove()
      before?.focus()
      resolve(dialog.returnValue)
    })
  })
}
