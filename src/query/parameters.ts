/** The query string of a list, as values that the rest of `query` understands. */

import { countConditions } from "../access/check-rules.ts"
import {
  all,
  FilterError,
  type FilterNode,
  type FilterScope,
  MOST_FILTER_CONDITIONS,
  parseFilter,
} from "../access/filter.ts"
import { invalidQuery } from "../core/problem.ts"
import type { Column } from "../schema/columns.ts"

export const LIST_PARAMETERS = ["filter", "sort", "limit", "after", "before", "fields", "expand", "q", "count"] as const
export const AGGREGATE_PARAMETERS = ["aggregate", "group", "filter", "q", "limit"] as const
export const GET_PARAMETERS = ["fields", "expand"] as const
const ALL_PARAMETERS: readonly string[] = [...LIST_PARAMETERS, ...AGGREGATE_PARAMETERS]
/** What doesn't change which records there are to page through. */
const NO_FILTERS = ["sort", "limit", "after", "before", "fields", "expand", "count"]

const SIMPLE = /^([A-Za-z][A-Za-z0-9]*)(?:\[([A-Za-z]+)\])?$/
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/**
 * The parameters of a URL; where it has none, it isn't parsed.
 * @throws SelvedgeError `invalid_query` when a name stands twice.
 */
export function parametersOf(url: string): Map<string, string> {
  return url.includes("?") ? uniqueParameters(new URL(url).searchParams) : new Map()
}

/** @throws SelvedgeError `invalid_query` when a name stands twice. */
export function uniqueParameters(search: URLSearchParams): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const [name, value] of search) {
    if (parameters.has(name)) throw invalidQuery(name, "stands more than once")
    if (!name.isWellFormed() || !value.isWellFormed())
      throw invalidQuery(name.toWellFormed(), "is not well-formed text")
    parameters.set(name, value)
  }
  return parameters
}

/** @throws SelvedgeError `invalid_query` for a parameter that isn't one of `allowed`. */
export function onlyParameters(parameters: ReadonlyMap<string, string>, allowed: readonly string[]): void {
  for (const name of parameters.keys()) if (!allowed.includes(name)) throw unknownParameter(name)
}

/** @throws SelvedgeError `invalid_query` for any parameter at all. */
export function noParameters(url: string): void {
  onlyParameters(parametersOf(url), [])
}

/**
 * Reads `filter` and every simple filter, such as `year=1999` and `rating[gte]=8`.
 * @param allowed The parameters that are no filters.
 * @throws SelvedgeError `invalid_query` that names the parameter.
 */
export function readFilter(
  parameters: ReadonlyMap<string, string>,
  allowed: readonly string[],
  scope: FilterScope,
): FilterNode {
  const parts: FilterNode[] = []
  let simple = 0
  for (const [name, value] of parameters) {
    if (name === "filter") parts.push(parse(name, parseJson(value), scope))
    else if (!ALL_PARAMETERS.includes(name)) {
      const [, key, op = "eq"] = SIMPLE.exec(name) ?? []
      const column = key === undefined ? undefined : scope.column(key)
      if (!column) throw unknownParameter(name)
      if (++simple > MOST_FILTER_CONDITIONS)
        throw invalidQuery(name, `there are more than ${MOST_FILTER_CONDITIONS} conditions`)
      parts.push(parse(name, { [column.key]: { [op]: operand(name, column, op, value) } }, scope))
    } else if (!allowed.includes(name)) throw unknownParameter(name)
  }
  return together(parts)
}

/**
 * The same of an object whose values are JSON: `{ year: { gte: 1999 }, filter: { or: [] } }`.
 * @throws SelvedgeError `invalid_query` that names the parameter.
 */
export function readFilterObject(query: object, allowed: readonly string[], scope: FilterScope): FilterNode {
  const parts: FilterNode[] = []
  for (const [name, value] of Object.entries(query)) {
    if (name === "filter") parts.push(parse(name, value, scope))
    else if (!ALL_PARAMETERS.includes(name)) {
      const column = scope.column(name)
      if (!column) throw unknownParameter(name.toWellFormed())
      parts.push(parse(name, { [column.key]: value }, scope))
    } else if (!allowed.includes(name)) throw unknownParameter(name)
  }
  return together(parts)
}

/** The same text for the same filters, whatever their order in the URL. */
export function filterTextOf(parameters: Iterable<readonly [name: string, value: string]>): string {
  const filters = [...parameters].filter(([name]) => !NO_FILTERS.includes(name))
  return JSON.stringify(filters.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** @throws SelvedgeError `invalid_query` outside 1 to `most`. */
export function readLimit(parameters: ReadonlyMap<string, string>, standard: number, most: number): number {
  const text = parameters.get("limit")
  if (text === undefined) return standard
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > most) throw invalidQuery("limit", `must be a whole number from 1 to ${most}`)
  return limit
}

/** @throws SelvedgeError `invalid_query` for an empty name. */
export function readNames(parameters: ReadonlyMap<string, string>, name: string): string[] | undefined {
  const text = parameters.get(name)
  if (text === undefined) return undefined
  const names = text.split(",")
  if (names.some((part) => part === "")) throw invalidQuery(name, "takes names separated by commas")
  return names
}

function together(parts: readonly FilterNode[]): FilterNode {
  const filter = all(parts)
  if (parts.length > 1 && countConditions(filter) > MOST_FILTER_CONDITIONS) {
    throw invalidQuery("filter", `there are more than ${MOST_FILTER_CONDITIONS} conditions`)
  }
  return filter
}

function unknownParameter(name: string): Error {
  return invalidQuery(name, "there is no such parameter or field")
}

function parse(parameter: string, input: unknown, scope: FilterScope): FilterNode {
  try {
    return parseFilter(input, scope, "client")
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    throw invalidQuery(parameter, error.message)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalidQuery("filter", "is not JSON")
  }
}

function operand(parameter: string, column: Column, op: string, text: string): unknown {
  if (op === "in" || op === "notIn")
    return text === "" ? [] : text.split(",").map((part) => scalar(parameter, column, part))
  if (text === "null" && (op === "eq" || op === "ne")) return null
  return op === "has" ? text : scalar(parameter, column, text)
}

function scalar(parameter: string, column: Column, text: string): unknown {
  switch (column.kind) {
    case "integer":
    case "real":
      if (!NUMBER.test(text)) throw invalidQuery(parameter, "must be a number")
      return Number(text)
    case "boolean":
      if (text !== "true" && text !== "false") throw invalidQuery(parameter, "must be true or false")
      return text === "true"
    default:
      return text
  }
}
