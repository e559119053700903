/** One film of the table, whose price and stock are changed where they stand. */

import { client, isProblem } from "./client.js"
import { element, find } from "./dom.js"
import { setFieldError } from "./form.js"

const FIELDS = {
  priceCents: { label: "Price", text: (cents) => (cents / 100).toFixed(2), mode: "decimal", read: readCents },
  stock: { label: "Stock", text: String, mode: "numeric", read: readWhole },
}
/** By row, the film that is shown: what is changed is changed in this version. */
const films = new WeakMap()

export function newRow(film) {
  const { id, title, genre, year } = film
  const cell = (name) => element("td", {}, element("div", { class: "field" }, newInput(film, name)))
  const row = element(
    "tr",
    { "data-id": id },
    element("th", { scope: "row" }, element("a", { href: `/film?id=${id}` }, title)),
    element("td", { class: "wide" }, genre ?? "–"),
    element("td", { class: "wide figures" }, year ?? "–"),
    cell("priceCents"),
    cell("stock"),
  )
  films.set(row, film)
  return row
}

function newInput({ id, title }, name) {
  const { label, mode } = FIELDS[name]
  const input = element("input", {
    id: `${name}-${id}`,
    name,
    inputmode: mode,
    autocomplete: "off",
    class: "figures",
    "aria-label": `${label} of ${title}`,
  })
  input.addEventListener("input", () => setFieldError(input, ""))
  input.addEventListener("change", () => isRefused(input) || write(input))
  input.addEventListener("focus", () => input.select())
  input.addEventListener("keydown", (event) => move(event, input))
  requestAnimationFrame(() => showValue(input))
  return input
}

/** Up and down lead along the column, Escape takes back what was typed. */
function move(event, input) {
  const row = input.closest("tr")
  const to = { ArrowUp: row.previousElementSibling, ArrowDown: row.nextElementSibling }[event.key]
  if (event.key === "Escape") showValue(input)
  else if (event.key === "Enter" && isTyped(input)) write(input)
  else if (to || event.key === "Enter") (to ?? row.nextElementSibling)?.querySelector(`[name=${input.name}]`).focus()
  else return
  event.preventDefault()
}

/** @param film As it is now. What somebody is typing stays, and is meant for the version that they saw. */
export function showRow(row, film) {
  const before = films.get(row)
  const inputs = Object.keys(FIELDS).map((name) => find(`[name=${name}]`, row))
  const typed = inputs.find((input) => isTyped(input) && (input === document.activeElement || isRefused(input)))
  films.set(row, typed ? { ...film, version: before.version, [typed.name]: before[typed.name] } : film)
  for (const input of inputs) {
    if (input === typed) continue
    showValue(input)
    if (before[input.name] !== film[input.name]) input.animate([{ background: "var(--gold)" }, {}], 900)
  }
}

async function write(input) {
  const row = input.closest("tr")
  const film = films.get(row)
  const { name } = input
  const { label, text, read } = FIELDS[name]
  const typed = input.value
  const value = read(typed)
  if (value === undefined) return setFieldError(input, "Not a number.")
  if (value === film[name]) return showValue(input)
  setFieldError(input, "")
  films.set(row, { ...film, [name]: value })
  row.classList.add("is-pending")
  try {
    films.set(row, await client.films.update(film, { [name]: value }))
    if (input.value === typed) showValue(input) // as everybody writes it
    find("#films-news").textContent = `${label} of ${film.title} is ${text(value)}.`
  } catch (error) {
    films.set(row, film)
    if (isProblem(error, "precondition_failed")) await settle(input, film, typed)
    else {
      input.value = typed
      setFieldError(input, error.errors?.[0]?.message ?? error.message)
    }
  }
  row.classList.remove("is-pending")
}

/** Somebody else was faster. Was it another field, both changes stand; the same one is asked about. */
async function settle(input, film, typed) {
  const { name } = input
  const now = await client.films.get(film.id).catch(() => film)
  films.set(input.closest("tr"), now)
  input.value = typed // the list has shown what is there
  if (now.version > film.version && now[name] === film[name]) return write(input)
  setFieldError(input, `Changed meanwhile to ${FIELDS[name].text(now[name])}. Enter replaces it, Escape keeps it.`)
}

function showValue(input) {
  const film = films.get(input.closest("tr"))
  input.value = FIELDS[input.name].text(film[input.name])
  setFieldError(input, "")
}

function isRefused(input) {
  return input.getAttribute("aria-invalid") === "true"
}

function isTyped(input) {
  return input.value !== FIELDS[input.name].text(films.get(input.closest("tr"))[input.name])
}

export function readCents(text) {
  return /^\d+([.,]\d{1,2})?$/.test(text.trim()) ? Math.round(Number(text.replace(",", ".")) * 100) : undefined
}

function readWhole(text) {
  return /^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined
}
