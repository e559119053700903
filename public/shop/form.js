/** Forms: one submit at a time, and each problem next to the field that it is about. */

import { isProblem } from "./client.js"
import { element } from "./dom.js"

/**
 * @param work Called with the fields, `(values, form) => …`, while the form is busy. What it throws is shown: problems
 *   that point at a field at the field, others in the form's `.form-error`.
 */
export function onSubmit(form, work) {
  form.noValidate = true
  form.addEventListener("input", ({ target }) => {
    const field = target.name && fieldOf(form, `/${target.name}`)
    if (field?.getAttribute("aria-invalid")) setFieldError(field, "")
  })
  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    if (form.getAttribute("aria-busy") === "true") return
    clearProblem(form)
    if (!checkFields(form)) return
    setBusy(form, true)
    try {
      await work(Object.fromEntries(new FormData(form)), form)
    } catch (error) {
      showProblem(form, error)
    } finally {
      setBusy(form, false)
    }
  })
}

/** @param error What was thrown. A pointer such as `/stars` is about the field of that name. */
export function showProblem(form, error) {
  if (!isProblem(error)) reportError(error)
  const ofFields = (error.errors ?? []).filter(({ pointer }) => fieldOf(form, pointer))
  for (const { pointer, message } of ofFields) setFieldError(fieldOf(form, pointer), sentence(message))
  const general = form.querySelector(".form-error")
  if (general && ofFields.length === 0) {
    general.textContent = isProblem(error) ? error.message : "Something went wrong. Try again."
    general.hidden = false
  }
  form.querySelector("[aria-invalid=true]")?.focus()
}

export function clearProblem(form) {
  for (const field of form.querySelectorAll("[aria-invalid]")) setFieldError(field, "")
  const general = form.querySelector(".form-error")
  if (!general) return
  general.hidden = true
  general.textContent = ""
}

/** @param text Empty when the field is right. */
export function setFieldError(field, text) {
  const id = `${field.id || field.name}-error`
  const home = field.closest(".field") ?? field.parentElement
  let place = home.querySelector(".field-error")
  const hints =
    field
      .getAttribute("aria-describedby")
      ?.split(" ")
      .filter((other) => other !== id) ?? []
  describe(field, text ? [id, ...hints] : hints)
  if (!text) {
    field.removeAttribute("aria-invalid")
    place?.remove()
    return
  }
  place ??= home.appendChild(element("p", { class: "field-error", id }))
  place.textContent = text
  field.setAttribute("aria-invalid", "true")
}

/** The error is read before the hints. */
function describe(field, ids) {
  if (ids.length > 0) field.setAttribute("aria-describedby", ids.join(" "))
  else field.removeAttribute("aria-describedby")
}

/** What the browser itself can check, such as `required`, in its own words. */
function checkFields(form) {
  const wrong = [...form.elements].filter((field) => field.willValidate && !field.validity.valid)
  for (const field of wrong) setFieldError(field, field.validationMessage)
  wrong[0]?.focus()
  return wrong.length === 0
}

function fieldOf(form, pointer) {
  const found = form.elements.namedItem(pointer?.slice(1) ?? "")
  return found instanceof RadioNodeList ? found[0] : found
}

function setBusy(form, isBusy) {
  form.setAttribute("aria-busy", String(isBusy))
  for (const button of form.querySelectorAll("button:not([type=button])"))
    button.setAttribute("aria-disabled", String(isBusy))
}

function sentence(message) {
  return `${message[0].toUpperCase()}${message.slice(1)}`.replace(/[^.!?]$/, "$&.")
}
