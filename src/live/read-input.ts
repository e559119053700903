/** What a live query asks for: read from the object of a frame, or from the query string of a list. */

import type { FilterScope } from "../access/filter.ts"
import { invalidQuery } from "../core/problem.ts"
import {
  filterTextOf,
  readFilter,
  readFilterObject,
  readLimit,
  readNames,
  uniqueParameters,
} from "../query/parameters.ts"
import type { ListRequest } from "../records/read.ts"

const STANDARD_LIMIT = 100
const MOST_RECORDS = 1_000
const LIVE_PARAMETERS = ["filter", "sort", "limit", "fields", "expand"]
/** A list takes them; what they ask for can't be kept up with change by change. */
const REFUSED = ["q", "count", "aggregate", "group", "after", "before"]

/** @throws SelvedgeError `invalid_query` that names the parameter. */
export function readSearch(search: string, scope: FilterScope): ListRequest {
  const parameters = uniqueParameters(new URLSearchParams(search))
  refuse(parameters.keys())
  return {
    filter: readFilter(parameters, LIVE_PARAMETERS, scope),
    filterText: filterTextOf(parameters),
    sort: parameters.get("sort"),
    limit: readLimit(parameters, STANDARD_LIMIT, MOST_RECORDS),
    fields: readNames(parameters, "fields"),
    expand: readNames(parameters, "expand"),
  }
}

/** @throws SelvedgeError `invalid_query` that names the parameter. */
export function readObject(query: unknown, scope: FilterScope): ListRequest {
  if (typeof query !== "object" || query === null || Array.isArray(query))
    throw invalidQuery("query", "must be an object")
  refuse(Object.keys(query))
  const { sort, limit, fields, expand } = query as Readonly<Record<string, unknown>>
  return {
    filter: readFilterObject(query, LIVE_PARAMETERS, scope),
    filterText: filterTextOf(asParameters(query)),
    sort: sortText(sort),
    limit: limitNumber(limit),
    fields: names("fields", fields),
    expand: names("expand", expand),
  }
}

function refuse(given: Iterable<string>): void {
  for (const name of given) if (REFUSED.includes(name)) throw invalidQuery(name, "can't stand in a live query")
}

/** The query string that asks the same, so that cursors of one fit the other. */
function asParameters(query: object): [name: string, value: string][] {
  const text = (value: unknown) =>
    typeof value === "string" ? value : Array.isArray(value) ? value.join() : `${value}`
  return Object.entries(query).flatMap(([name, value]): [string, string][] => {
    if (name === "filter") return [[name, JSON.stringify(value)]]
    if (typeof value !== "object" || value === null) return [[name, text(value)]]
    return Object.entries(value).map(([op, operand]) => [`${name}[${op}]`, text(operand)])
  })
}

function sortText(sort: unknown): string | undefined {
  if (sort === undefined || typeof sort === "string") return sort
  throw invalidQuery("sort", "must be text")
}

function limitNumber(limit: unknown): number {
  if (limit === undefined) return STANDARD_LIMIT
  if (typeof limit === "number" && Number.isInteger(limit) && limit >= 1 && limit <= MOST_RECORDS) return limit
  throw invalidQuery("limit", `must be a whole number from 1 to ${MOST_RECORDS}`)
}

function names(parameter: string, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined
  const list: unknown = typeof value === "string" ? value.split(",") : value
  if (!Array.isArray(list) || !list.every((name) => typeof name === "string" && name !== ""))
    throw invalidQuery(parameter, "takes names separated by commas, or a list of names")
  return list
}
