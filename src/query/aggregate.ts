/** Counts, sums and extremes over the rows of a list, in groups. */

import { invalidQuery } from "../core/problem.ts"
import { FRESHNESS } from "../db/database.ts"
import type { Query } from "../db/query.ts"
import { type Column, quote } from "../schema/columns.ts"
import { jsonValue } from "../schema/triggers.ts"
import { toWire } from "../schema/values.ts"
import { Bindings, ref } from "./bindings.ts"
import { conditions, type ListPlan } from "./list.ts"

export const MOST_GROUPS = 1_000
export const STANDARD_GROUPS = 100
const MOST_AGGREGATES = 10
const MOST_GROUP_KEYS = 4
const FUNCTION = /^(sum|avg|min|max)\(([A-Za-z][A-Za-z0-9]*)\)$/
const NUMERIC = ["integer", "real"]
const GROUPABLE = ["text", "integer", "real", "boolean", "timestamp", "bigint"]

type Fn = "sum" | "avg" | "min" | "max"

export interface AggregatePlan extends Pick<ListPlan, "collection" | "access" | "filter" | "search"> {
  readonly count: boolean
  readonly functions: readonly { readonly fn: Fn; readonly column: Column }[]
  readonly group: readonly Column[]
  readonly limit: number
}

export type AggregateRow = { group: Record<string, unknown>; count?: number } & { [F in Fn]?: Record<string, unknown> }

/** @throws SelvedgeError `invalid_query` for an unknown function or field, or a function that the field's type doesn't have. */
export function readAggregates(
  text: readonly string[],
  columns: readonly Column[],
): Pick<AggregatePlan, "count" | "functions"> {
  if (text.length > MOST_AGGREGATES) throw invalidQuery("aggregate", `names more than ${MOST_AGGREGATES} functions`)
  if (new Set(text).size < text.length) throw invalidQuery("aggregate", "names a function twice")
  const functions = text.flatMap((item) => {
    if (item === "count") return []
    const [, fn, key] = FUNCTION.exec(item) ?? []
    const column = columns.find((candidate) => candidate.key === key)
    if (!fn || !column) throw invalidQuery("aggregate", `"${item}" is not count, or sum, avg, min or max of a field`)
    const kinds = fn === "sum" || fn === "avg" ? NUMERIC : GROUPABLE
    if (!kinds.includes(column.kind))
      throw invalidQuery("aggregate", `${fn} doesn't work on ${key}, which holds ${column.kind}`)
    return [{ fn: fn as Fn, column }]
  })
  return { count: text.includes("count"), functions }
}

/** @throws SelvedgeError `invalid_query` for an unknown field or one that has no order. */
export function readGroup(names: readonly string[], columns: readonly Column[]): Column[] {
  if (names.length > MOST_GROUP_KEYS) throw invalidQuery("group", `names more than ${MOST_GROUP_KEYS} fields`)
  if (new Set(names).size < names.length) throw invalidQuery("group", "names a field twice")
  return names.map((name) => {
    const column = columns.find((candidate) => candidate.key === name)
    if (!column || !GROUPABLE.includes(column.kind))
      throw invalidQuery("group", `there is no field "${name}" to group by`)
    return column
  })
}

/** One row: `freshness` and `data`, a JSON array of one array a group: keys, count, then the functions' values. */
export function aggregateQuery(plan: AggregatePlan): Query {
  const bindings = new Bindings()
  const { collection, group, functions } = plan
  const where = conditions(plan, bindings)
  const keys = group.map((column) => ref("t", column))
  const values = [
    ...group.map((column) => jsonValue(column, ref("t", column))),
    "count(*)",
    ...functions.map(({ fn, column }) => functionSql(fn, column)),
  ]
  const grouped =
    keys.length > 0 ? ` GROUP BY ${keys.join(", ")} ORDER BY ${["count(*) DESC", ...keys].join(", ")}` : ""
  const rows = `SELECT json_array(${values.join(", ")}) AS j FROM ${quote(collection.table.name)} t${where.length > 0 ? ` WHERE ${where.join(" AND ")}` : ""}${grouped} LIMIT ${plan.limit}`
  return {
    sql: `SELECT ${FRESHNESS} AS freshness, (SELECT '[' || coalesce(group_concat(j, ','), '') || ']' FROM (${rows})) AS data`,
    params: bindings.values,
  }
}

export function decodeAggregates(plan: AggregatePlan, rows: readonly (readonly unknown[])[]): AggregateRow[] {
  return rows.map((values) => {
    const row: AggregateRow = {
      group: Object.fromEntries(plan.group.map((column, i) => [column.key, toWire(column, values[i])])),
    }
    if (plan.count) row.count = values[plan.group.length] as number
    for (const [i, { fn, column }] of plan.functions.entries()) {
      const value = values[plan.group.length + 1 + i]
      row[fn] ??= {}
      row[fn][column.key] = fn === "min" || fn === "max" ? toWire(column, value) : value
    }
    return row
  })
}

/** `total()` adds as REAL: `sum()` fails when whole numbers overflow. */
function functionSql(fn: Fn, column: Column): string {
  const c = ref("t", column)
  if (fn === "sum") return `total(${c})`
  if (fn === "avg") return `avg(${c})`
  return jsonValue(column, `${fn}(${c})`)
}
