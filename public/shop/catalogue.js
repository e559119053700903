/** The catalogue: what is looked at stands in the address, and everything else follows from it. */

import { chosenOf, markChosen, readChosen, showFacets } from "./catalogue/facets.js"
import { addressOf, BEST_MATCH, DEFAULT_SORT, isNarrowed, readAddress } from "./catalogue/query.js"
import { restoreFilms, showFilms, shownFilms } from "./catalogue/results.js"
import { isProblem } from "./client.js"
import { element, find, icon } from "./dom.js"
import { keep, kept } from "./kept.js"

const TYPING_MS = 250
/** Counts may come a little after the films. */
const COUNTING_MS = 150
const KEPT_AS = "catalogue"

const search = find("#search")
const filters = find("#filters")
const sort = find("#sort")

let view = readAddress()
let latest = new AbortController()
let typing

search.addEventListener("submit", (event) => {
  event.preventDefault()
  typed()
})
search.elements.q.addEventListener("input", () => {
  clearTimeout(typing)
  typing = setTimeout(typed, TYPING_MS)
})
filters.addEventListener("change", () => go({ ...view, ...readChosen() }))
filters.addEventListener("submit", (event) => event.preventDefault())
sort.addEventListener("change", () => go({ ...view, sort: sort.value }))
addEventListener("popstate", () => look(readAddress()))
addEventListener("pagehide", leave)

history.scrollRestoration = "manual"
showControls()
const before = asItWasLeft()
if (before) comeBack(before)
else look(view)

function typed() {
  clearTimeout(typing)
  const q = search.elements.q.value.trim()
  if (q === view.q) return
  const sortNow = q && !view.q ? BEST_MATCH : !q && view.sort === BEST_MATCH ? DEFAULT_SORT : view.sort
  const isSameSearch = q !== "" && view.q !== ""
  go({ ...view, q, sort: sortNow }, isSameSearch)
}

/** @param isSameStep Whether Back should skip what was looked at before, as between the letters of a word. */
function go(wanted, isSameStep = false) {
  history[isSameStep ? "replaceState" : "pushState"](null, "", addressOf(wanted))
  look(wanted)
}

function look(wanted) {
  view = wanted
  latest.abort()
  latest = new AbortController()
  const { signal } = latest
  showControls()
  showFilms(view, signal)
  count(signal)
}

function count(signal) {
  const timer = setTimeout(() => {
    showFacets(view, signal).catch((error) => {
      if (!signal.aborted && !isProblem(error)) throw error // the films' own answer tells what is wrong
    })
  }, COUNTING_MS)
  signal.addEventListener("abort", () => clearTimeout(timer))
}

function showControls() {
  if (document.activeElement !== search.elements.q) search.elements.q.value = view.q
  find("[value=match]", sort).hidden = !view.q
  find("[value=match]", sort).disabled = !view.q
  sort.value = view.sort
  markChosen(view)
  const chips = chosenOf(view).map(chip)
  if (view.q) chips.unshift(chip({ name: "q", value: view.q, text: `“${view.q}”` }))
  const clear = element("button", { type: "button", class: "plain", onclick: clearAll }, "Clear all")
  find("#chips").replaceChildren(...chips, chips.length > 1 ? clear : "")
  document.title = view.q ? `${view.q} · Selvedge Films` : "Selvedge Films · 3,201 films, live"
  document.body.classList.toggle("is-narrowed", isNarrowed(view))
}

function chip({ name, value, text }) {
  const without = { ...view, [name]: Array.isArray(view[name]) ? view[name].filter((one) => one !== value) : "" }
  const drop = () => {
    go({ ...without, sort: name === "q" && view.sort === BEST_MATCH ? DEFAULT_SORT : view.sort })
    ;(find("#chips").querySelector("button") ?? sort).focus()
  }
  const button = element("button", { type: "button", class: "chip", onclick: drop }, text, icon("close"))
  button.setAttribute("aria-label", `Remove the filter ${text}`)
  return button
}

function clearAll() {
  go(readAddress(""))
  sort.focus()
}

/** For who comes back from a film: the same films, at the same place. */
function leave() {
  const focused = document.activeElement?.closest(".film")?.dataset.id
  keep(KEPT_AS, { address: location.search, y: scrollY, focused, shown: shownFilms() })
}

function asItWasLeft() {
  const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward"
  const state = isBack ? kept(KEPT_AS) : undefined
  return state?.address === location.search && state.shown.films.length > 0 ? state : undefined
}

function comeBack({ y, focused, shown }) {
  restoreFilms(view, shown)
  scrollTo({ top: y, behavior: "instant" })
  if (focused) document.querySelector(`[data-id="${focused}"] a`)?.focus({ preventScroll: true })
  count(latest.signal)
}
