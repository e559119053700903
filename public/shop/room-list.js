/** Rooms to choose from: each film has one; these are the films that most people like. */

import { client } from "./client.js"
import { element } from "./dom.js"
import { rating } from "./format.js"
import { poster } from "./poster.js"
import { errorState } from "./states.js"

const SHOWN = 12

/** @param place The element that they are shown in. */
export async function showRooms(place) {
  document.title = "Watch parties · Selvedge Films"
  const list = element(
    "ul",
    { class: "rooms" },
    ...Array.from({ length: SHOWN }, () => element("li", { class: "skeleton room-skeleton" })),
  )
  place.replaceChildren(
    element("h1", { class: "page-title" }, "Watch parties"),
    element(
      "p",
      { class: "faint rooms-lead" },
      "Every film has a room, open day and night. Take one of these, or find yours on a film’s page.",
    ),
    list,
  )
  try {
    const { data } = await client.films.list({
      sort: "-rating,title",
      limit: SHOWN,
      fields: ["id", "title", "year", "genre", "rating", "director.name"],
    })
    list.replaceChildren(...data.map(card))
  } catch (error) {
    list.replaceWith(errorState("The rooms can’t be shown", error, () => showRooms(place)))
  }
}

function card(film) {
  return element(
    "li",
    {},
    element(
      "a",
      { class: "room-card", href: `/room?id=${film.id}` },
      poster(film),
      element("strong", {}, film.title),
      element("span", { class: "faint" }, [film.year, `★ ${rating(film.rating)}`].filter(Boolean).join(" · ")),
    ),
  )
}
