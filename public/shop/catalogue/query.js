/** What of the catalogue is looked at: read from the address, written to it, and as queries of the API. */

/** Below their decades films are few: they share one choice. */
const EARLY = 1960
export const LISTS = ["genre", "decade", "creativeType", "mpaaRating"]
export const DEFAULT_SORT = "-rating,title"
export const BEST_MATCH = "match"

/** @returns `{ q, sort, rating, inStock, genre: […], decade: […], creativeType: […], mpaaRating: […] }`, all texts. */
export function readAddress(search = location.search) {
  const given = new URLSearchParams(search)
  const lists = LISTS.map((name) => [name, given.getAll(name)])
  const q = (given.get("q") ?? "").trim()
  return {
    ...Object.fromEntries(lists),
    q,
    sort: given.get("sort") ?? (q ? BEST_MATCH : DEFAULT_SORT),
    rating: given.get("rating") ?? "",
    inStock: given.get("inStock") ?? "",
  }
}

/** The address of what is looked at, without what is understood by itself. */
export function addressOf(view) {
  const given = new URLSearchParams()
  for (const name of ["q", "rating", "inStock"]) if (view[name]) given.set(name, view[name])
  for (const name of LISTS) for (const value of view[name]) given.append(name, value)
  if (view.sort !== (view.q ? BEST_MATCH : DEFAULT_SORT)) given.set("sort", view.sort)
  const text = given.toString()
  return text ? `?${text}` : location.pathname
}

/** @param without A choice that counts the films of its own options as if it weren't made. */
export function conditionsOf(view, without) {
  const conditions = []
  const take = (name, condition) => name !== without && conditions.push(condition)
  for (const name of ["genre", "creativeType", "mpaaRating"])
    if (view[name].length > 0) take(name, { [name]: { in: view[name] } })
  if (view.decade.length > 0) take("decade", { or: view.decade.map(yearsOf) })
  if (view.rating) take("rating", { rating: { gte: Number(view.rating) } })
  if (view.inStock) take("inStock", { stock: { gt: 0 } })
  return { ...(view.q && { q: view.q }), ...(conditions.length > 0 && { filter: { and: conditions } }) }
}

/** The conditions and their order. */
export function queryOf(view) {
  return { ...conditionsOf(view), ...(view.sort !== BEST_MATCH && { sort: view.sort }) }
}

export const isNarrowed = (view) => Object.keys(conditionsOf(view)).length > 0

/** The decade that a year is counted with. */
export const decadeOf = (year) => (year < EARLY ? "early" : String(Math.floor(year / 10) * 10))
export const decadeName = (decade) => (decade === "early" ? `Before ${EARLY}` : `${decade}s`)

function yearsOf(decade) {
  if (decade === "early") return { year: { lt: EARLY } }
  return { year: { gte: Number(decade), lte: Number(decade) + 9 } }
}
