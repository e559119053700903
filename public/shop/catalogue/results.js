/** The list of films: page after page, found again on return, its offers live. */

import { client, isProblem } from "../client.js"
import { element, find } from "../dom.js"
import { CARD_FIELDS, filmCard, updateOffer } from "../film-card.js"
import { number } from "../format.js"
import { emptyState, errorState } from "../states.js"
import { isNarrowed, queryOf } from "./query.js"

const PAGE = 24
/** Whose prices and stock are followed while they are looked at: the first. */
const MOST_LIVE = 96
const LIVE_AFTER_MS = 600

const list = find("#films")
const more = find("#more")
const says = find("#count")
const place = find("#state")

let shown = { films: [], next: null, total: 0 }
let view
let isAsking = false
let stopLive = () => {}

more.addEventListener("click", () => showMore())
new IntersectionObserver(([entry]) => entry.isIntersecting && showMore(), { rootMargin: "600px" }).observe(more)

/** Asks for the first page. @param signal Ends it when something else is wanted. */
export async function showFilms(wanted, signal) {
  view = wanted
  stopLive()
  list.setAttribute("aria-busy", "true")
  try {
    const { data, page } = await client.films.list({ ...listQuery(), count: "exact" }, { signal })
    show({ films: data, next: page.next, total: page.total })
  } catch (error) {
    if (!signal.aborted) fail(error, () => showFilms(wanted, signal))
  }
}

/** Shows what was there before. */
export function restoreFilms(wanted, before) {
  view = wanted
  show(before)
}

/** What `restoreFilms` takes. */
export const shownFilms = () => shown

async function showMore() {
  if (isAsking || shown.next === null) return
  isAsking = true
  const { films, next } = shown
  const hadFocus = document.activeElement === more
  more.setAttribute("aria-disabled", "true")
  try {
    const { data, page } = await client.films.list({ ...listQuery(), after: next })
    if (shown.next !== next) return // something else is shown by now
    shown = { ...shown, films: [...films, ...data], next: page.next }
    const cards = data.map(filmCard)
    list.append(...cards)
    if (films.length < MOST_LIVE) followOffers()
    if (hadFocus) cards[0]?.querySelector("a").focus({ preventScroll: true })
    sayCount()
  } catch (error) {
    if (!isProblem(error)) throw error
    says.textContent = `The next films can’t be shown: ${error.message}`
  } finally {
    isAsking = false
    more.removeAttribute("aria-disabled")
  }
}

const listQuery = () => ({ ...queryOf(view), fields: CARD_FIELDS, limit: PAGE })

function show(films) {
  shown = films
  list.replaceChildren(...films.films.map(filmCard))
  list.removeAttribute("aria-busy")
  place.replaceChildren()
  if (films.films.length === 0) place.append(nothingFound())
  sayCount()
  followOffers()
}

function sayCount() {
  const { films, next, total } = shown
  more.hidden = next === null
  const all = `${number(total)} ${total === 1 ? "film" : "films"}`
  says.textContent = films.length < total ? `${number(films.length)} of ${all}` : all
}

function nothingFound() {
  const text = view.q ? `No film matches “${view.q}” with these choices.` : "No film matches these choices together."
  const all = element("a", { class: "button", href: "/" }, "Show all films")
  return emptyState("Nothing on this reel", isNarrowed(view) ? text : "There are no films yet.", all)
}

function fail(error, retry) {
  if (!isProblem(error)) reportError(error)
  list.replaceChildren()
  list.removeAttribute("aria-busy")
  more.hidden = true
  shown = { films: [], next: null, total: 0 }
  says.textContent = ""
  place.replaceChildren(errorState("The films can’t be shown", error, retry))
}

/** By their ids: a search can't be followed, and a film whose price changes may no longer be on the page. */
function followOffers() {
  stopLive()
  if (shown.films.length === 0) return
  const cards = new Map([...list.children].slice(0, MOST_LIVE).map((card) => [card.dataset.id, card]))
  const query = {
    id: { in: [...cards.keys()] },
    sort: "title",
    fields: ["id", "title", "priceCents", "stock"],
    limit: MOST_LIVE,
  }
  let stop = () => {}
  const timer = setTimeout(() => {
    stop = client.films.live(query, (films) => {
      for (const film of films) if (cards.has(film.id)) updateOffer(cards.get(film.id), film)
    })
  }, LIVE_AFTER_MS)
  stopLive = () => {
    clearTimeout(timer)
    stop()
  }
}
