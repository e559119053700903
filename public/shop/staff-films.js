/** The table of films: found page by page, then kept as they are now. */

import { client } from "./client.js"
import { element, find } from "./dom.js"
import { count } from "./format.js"
import { newRow, showRow } from "./staff-row.js"
import { emptyState, errorState } from "./states.js"

const PAGE = 15
const TYPING_MS = 250
const STOCK = { few: { lte: 5 }, none: 0 }

const filters = find("#filters")
const rows = find("#rows")
const place = find("#films-place")
const next = find("#next")
const previous = find("#previous")
let latest
let stop = () => {}

export function showFilms() {
  let typing
  filters.addEventListener("submit", (event) => event.preventDefault())
  filters.addEventListener("input", () => {
    clearTimeout(typing)
    typing = setTimeout(ask, TYPING_MS)
  })
  ask()
}

/** @param page `{ after }` or `{ before }`; the first without. */
async function ask(page = {}) {
  latest?.abort()
  latest = new AbortController()
  const { signal } = latest
  const { q, stock } = Object.fromEntries(new FormData(filters))
  const query = { limit: PAGE, stock: STOCK[stock], ...(q.trim() ? { q: q.trim() } : { sort: "title" }), ...page }
  rows.setAttribute("aria-busy", "true")
  try {
    const { data, page: pages } = await client.films.list(query, { signal })
    show(data)
    turn(next, pages.next && { after: pages.next })
    turn(previous, pages.previous && { before: pages.previous })
  } catch (error) {
    if (signal.aborted) return
    rows.replaceChildren()
    place.replaceChildren(errorState("The films can’t be shown", error, () => ask(page)))
  }
  rows.removeAttribute("aria-busy")
}

function show(films) {
  stop()
  rows.replaceChildren(...films.map(newRow))
  place.replaceChildren(...(films.length === 0 ? [emptyState("No film matches", "Try other words.")] : []))
  find("#films-news").textContent = `${count(films.length, "film")} on this page`
  if (films.length > 0) stop = follow(films.map(({ id }) => id))
}

/** The same films, whatever becomes of them; a search can't be followed, its films can. */
function follow(ids) {
  return client.films.live({ filter: { id: { in: ids } }, limit: PAGE }, (films, { status }) => {
    if (status === "loading" || status === "failed") return
    for (const film of films) showRow(find(`[data-id="${film.id}"]`, rows), film)
    for (const row of [...rows.children]) if (!films.some(({ id }) => id === row.dataset.id)) markGone(row)
  })
}

function markGone(row) {
  if (row.classList.contains("is-gone")) return
  row.classList.add("is-gone")
  for (const input of row.querySelectorAll("input")) input.disabled = true
  find("th", row).append(element("span", { class: "tag bad" }, "Removed"))
}

function turn(button, page) {
  button.disabled = !page
  button.onclick = () => ask(page)
}
