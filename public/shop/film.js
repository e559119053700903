/** A film's page: what it is, what it costs now, what others thought of it, and what is like it. */

import { client, isProblem } from "./client.js"
import { element, find } from "./dom.js"
import { showAbout } from "./film/about.js"
import { showBuying, updateBuying } from "./film/buy.js"
import { showMore } from "./film/more.js"
import { showReviews } from "./film/reviews.js"
import { poster } from "./poster.js"
import { emptyState, errorState } from "./states.js"

const id = new URLSearchParams(location.search).get("id") ?? ""

find("#back").addEventListener("click", goBack)
await show()

async function show() {
  find("#state").replaceChildren()
  find("#film").hidden = false
  try {
    const film = await client.films.get(id, { expand: ["director"] })
    present(film)
    follow()
  } catch (error) {
    if (isProblem(error, "not_found")) showMissing()
    else fail(error)
  }
}

function present(film) {
  const byWhom = film.director ? ` by ${film.director.name}` : ""
  document.title = `${film.title}${film.year ? ` (${film.year})` : ""} · Selvedge Films`
  find("meta[name=description]").content = `${film.title}${byWhom}: facts, reviews, price and stock as they are now.`
  find("#poster").replaceChildren(poster(film))
  showAbout(film)
  showBuying(film)
  find("#film").removeAttribute("aria-busy")
  find("#below").hidden = false
  showReviews(film)
  showMore(film)
}

/** What changes while somebody looks. */
function follow() {
  client.films.live({ id, limit: 1 }, ([film], { status }) => {
    if (film) updateBuying(film)
    else if (status === "live") showMissing()
  })
}

function showMissing() {
  document.title = "No such film · Selvedge Films"
  const all = element("a", { class: "button", href: "/" }, "To the films")
  replace(emptyState("This film isn’t here", "It was taken out of the shop, or its address is wrong.", all))
}

function fail(error) {
  if (!isProblem(error)) reportError(error)
  replace(errorState("The film can’t be shown", error, show))
}

function replace(state) {
  find("#film").hidden = true
  find("#below").hidden = true
  find("#state").replaceChildren(state)
}

/** To the catalogue as it was left, where that is a step back. */
function goBack(event) {
  const { referrer } = document
  const isFromCatalogue =
    referrer !== "" && new URL(referrer).origin === location.origin && new URL(referrer).pathname === "/"
  if (!isFromCatalogue || history.length < 2) return
  event.preventDefault()
  history.back()
}
