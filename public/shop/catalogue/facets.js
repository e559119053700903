/** The choices beside the list, each with how many films it would give. */

import { client } from "../client.js"
import { element, find } from "../dom.js"
import { number } from "../format.js"
import { conditionsOf, decadeName, decadeOf } from "./query.js"

const RATINGS = [9, 8, 7, 6, 5]
/** More than there are years or ratings. */
const MOST_GROUPS = 400

/** By the name of the choice: what to group by, and what the groups' counts say about its options. */
const FACETS = {
  genre: { group: "genre", options: (counts) => named(counts) },
  decade: { group: "year", options: byDecade },
  rating: { group: "rating", options: byRating },
  creativeType: { group: "creativeType", options: (counts) => named(counts) },
  mpaaRating: { group: "mpaaRating", options: (counts) => named(counts) },
}

/** Options stay where they were first seen, whatever their counts become. */
const seen = new Map(Object.keys(FACETS).map((name) => [name, new Map()]))

/** Counts anew. @throws what the API refuses. */
export async function showFacets(view, signal) {
  await Promise.all(Object.entries(FACETS).map(([name, facet]) => showFacet(name, facet, view, signal)))
}

/** Ticks what the view has chosen. */
export function markChosen(view) {
  for (const input of find("#filters").elements)
    if (input.name) input.checked = [view[input.name]].flat().includes(input.value)
}

/** What is ticked, as a part of the view. */
export function readChosen() {
  const given = new FormData(find("#filters"))
  const lists = ["genre", "decade", "creativeType", "mpaaRating"].map((name) => [name, given.getAll(name)])
  return { ...Object.fromEntries(lists), rating: given.get("rating") ?? "", inStock: given.get("inStock") ?? "" }
}

/** What is chosen, in words: `[{ name, value, text }]`. */
export function chosenOf(view) {
  const texts = {
    decade: decadeName,
    rating: (least) => `Rated ${least} and more`,
    inStock: () => "In stock",
  }
  const names = [...Object.keys(FACETS), "inStock"]
  return names.flatMap((name) =>
    [view[name]]
      .flat()
      .filter(Boolean)
      .map((value) => ({ name, value, text: texts[name]?.(value) ?? value })),
  )
}

async function showFacet(name, { group, options }, view, signal) {
  const query = { ...conditionsOf(view, name), aggregate: ["count"], group: [group], limit: MOST_GROUPS }
  const rows = await client.films.aggregate(query, { signal })
  const counts = rows.filter((row) => row.group[group] !== null).map((row) => [row.group[group], row.count])
  const known = seen.get(name)
  for (const value of known.keys()) known.get(value).count = 0
  for (const [value, text, count] of options(counts)) known.set(String(value), { text, count })
  for (const value of [view[name]].flat()) if (value && !known.has(value)) known.set(value, { text: value, count: 0 })
  const list = find(`#facet-${name}`)
  const focused = list.contains(document.activeElement) ? document.activeElement.value : undefined
  list.replaceChildren(...[...known].map(([value, option]) => optionItem(name, value, option, view)))
  if (focused !== undefined) list.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
}

function optionItem(name, value, { text, count }, view) {
  const isChosen = [view[name]].flat().includes(value)
  const type = name === "rating" ? "radio" : "checkbox"
  const input = element("input", { type, name, value })
  input.checked = isChosen
  return element(
    "li",
    { class: count === 0 && !isChosen ? "is-empty" : "" },
    element(
      "label",
      { class: "option" },
      input,
      element("span", { class: "option-text" }, text),
      count !== undefined && optionCount(count),
    ),
  )
}

const optionCount = (count) =>
  element("span", { class: "option-count" }, number(count), element("span", { class: "unseen" }, " films"))

const named = (counts) => counts.map(([value, count]) => [value, value, count])

function byDecade(years) {
  const sums = new Map()
  for (const [year, count] of years) sums.set(decadeOf(year), (sums.get(decadeOf(year)) ?? 0) + count)
  const newestFirst = [...sums].sort(([a], [b]) => (Number(b) || 0) - (Number(a) || 0))
  return newestFirst.map(([decade, count]) => [decade, decadeName(decade), count])
}

function byRating(ratings) {
  const options = RATINGS.map((least) => {
    const matching = ratings.filter(([value]) => value >= least)
    return [least, `${least} and more`, matching.reduce((sum, [, count]) => sum + count, 0)]
  })
  return [["", "Any"], ...options]
}
