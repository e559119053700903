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
  input.addEventListener("change", () => write(input))
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
  if (event.key === "Enter" && isTyped(input)) write(input)
  else if (to || event.key === "Enter") (to ?? row.nextElementSibling)?.querySelector(`[name=${input.name}]`).focus()
  else return
  event.preventDefault()
}

/** @param film As it is now; what somebody is typing stays, and so does the version that they saw. */
export function showRow(row, film) {
  const before = films.get(row)
  const inputs = Object.keys(FIELDS).map((name) => find(`[name=${name}]`, row))
  if (inputs.some((input) => isTyped(input) && document.activeElement === input)) return
  films.set(row, film)
  for (const input of inputs) {
    showValue(input)
    if (before[input.name] !== film[input.name]) input.animate([{ background: "var(--gold)" }, {}], 900)
  }
}

async function write(input) {
  const row = input.closest("tr")
  const film = films.get(row)
  const { name } = input
  const value = FIELDS[name].read(input.value)
  if (value === undefined) return setFieldError(input, "Not a number.")
  if (value === film[name]) return showValue(input)
  setFieldError(input, "")
  films.set(row, { ...film, [name]: value })
  row.classList.add("is-pending")
  try {
    films.set(row, await client.films.update(film, { [name]: value }))
    find("#films-news").textContent = `${FIELDS[name].label} of ${film.title} is ${FIELDS[name].text(value)}.`
  } catch (error) {
    films.set(row, film)
    await explain(input, row, error)
  }
  row.classList.remove("is-pending")
}

async function explain(input, row, error) {
  if (isProblem(error, "precondition_failed")) {
    const now = await client.films.get(row.dataset.id).catch(() => undefined)
    if (now) films.set(row, now)
    setFieldError(
      input,
      now ? `Changed meanwhile: ${FIELDS[input.name].text(now[input.name])} now. Enter to replace it.` : error.message,
    )
  } else {
    setFieldError(input, error.errors?.[0]?.message ?? error.message)
  }
}

function showValue(input) {
  const film = films.get(input.closest("tr"))
  input.value = FIELDS[input.name].text(film[input.name])
  setFieldError(input, "")
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
