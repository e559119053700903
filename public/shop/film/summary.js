/** How many stars a film was given: the average, and how often each. */

import { client } from "../client.js"
import { element, find } from "../dom.js"
import { count } from "../format.js"
import { starsOf } from "./review.js"

const STARS = [5, 4, 3, 2, 1]

/** @param hasMore Whether there are more reviews than these; then the server counts. */
export async function showSummary(filmId, reviews, hasMore) {
  const counts = hasMore ? await countAll(filmId) : countThese(reviews)
  const total = STARS.reduce((sum, stars) => sum + counts[stars], 0)
  const average = STARS.reduce((sum, stars) => sum + stars * counts[stars], 0) / total
  if (total === 0) return find("#summary").replaceChildren()
  find("#summary").replaceChildren(
    element(
      "p",
      { class: "average" },
      element("strong", {}, average.toFixed(1)),
      starsOf(Math.round(average)),
      element("span", { class: "faint" }, count(total, "review")),
    ),
    element("ul", { class: "distribution" }, ...STARS.map((stars) => row(stars, counts[stars], total))),
  )
}

function countThese(reviews) {
  return Object.fromEntries(STARS.map((stars) => [stars, reviews.filter((review) => review.stars === stars).length]))
}

async function countAll(filmId) {
  const rows = await client.reviews.aggregate({ filmId, aggregate: ["count"], group: ["stars"] })
  const countOf = (stars) => rows.find(({ group }) => group.stars === stars)?.count ?? 0
  return Object.fromEntries(STARS.map((stars) => [stars, countOf(stars)]))
}

function row(stars, amount, total) {
  const meter = element("span", { class: "bar", "aria-hidden": "true" })
  meter.style.setProperty("--part", amount / total)
  return element(
    "li",
    {},
    element("span", {}, String(stars), element("span", { class: "unseen" }, ` stars: ${count(amount, "review")}`)),
    meter,
    element("span", { class: "faint figures", "aria-hidden": "true" }, String(amount)),
  )
}
