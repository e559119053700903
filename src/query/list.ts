/** The one statement of a list or of a single record. */

import type { FilterNode } from "../access/filter.ts"
import { isAlways } from "../access/filter.ts"
import type { Collection, Sort } from "../access/model.ts"
import { FRESHNESS } from "../db/database.ts"
import type { Query } from "../db/query.ts"
import { quote } from "../schema/columns.ts"
import { jsonValue } from "../schema/triggers.ts"
import type { Stored } from "../schema/values.ts"
import { Bindings } from "./bindings.ts"
import { filterSql, isDeep, setApart } from "./filter-sql.ts"
import { beyond, type OrderKey, orderBy, orderKeys } from "./order.ts"
import { type Projection, projectionSql } from "./projection.ts"
import { rankKey, type Search, searchSql } from "./search.ts"

export interface ListPlan {
  readonly collection: Collection
  readonly access: FilterNode
  readonly filter: FilterNode
  readonly search: Search | undefined
  /** Undefined orders by rank; then there is a search. */
  readonly sort: Sort | undefined
  /** Whether the sort was asked for the other way round. */
  readonly reversed: boolean
  readonly page: { readonly direction: "after" | "before"; readonly values: readonly Stored[] } | undefined
  readonly limit: number
  readonly projection: Projection
  readonly total: boolean
}

const MAIN = "t"

/** The order of a plan's rows, as the statement walks them: turned round for a page before a cursor. */
export function planKeys(plan: ListPlan, bindings: Bindings): OrderKey[] {
  const backward = plan.page?.direction === "before"
  if (plan.sort) return orderKeys(plan.sort, MAIN, plan.reversed !== backward)
  const id = plan.collection.table.byKey.get("id")!
  const rank = rankKey(plan.search!, MAIN, bindings)
  return [
    { ...rank, descending: !backward },
    { sql: `${MAIN}.${quote(id.name)}`, column: id, descending: backward },
  ]
}

/**
 * One row: `freshness`, `total` when asked for, and `data`, a JSON array of one array a record, with the values of the
 * sort keys behind the record's own. One record more than `limit` tells that there is a further page.
 */
export function listQuery(plan: ListPlan): Query {
  const bindings = new Bindings()
  const { collection, projection } = plan
  const keys = planKeys(plan, bindings)
  const matching = conditions(plan, bindings)
  const cursorValues = jsonArrayOf(keys)
  const record = projectionSql(projection, MAIN, bindings, [cursorValues])
  const from = `FROM ${quote(collection.table.name)} ${MAIN}`
  const branch = (condition: string | undefined, columns: string) => {
    const where = [...matching, ...(condition ? [condition] : [])].join(" AND ")
    return `SELECT ${columns} ${from}${where && ` WHERE ${where}`} ORDER BY ${orderBy(keys)} LIMIT ${plan.limit + 1}`
  }
  const pages = plan.page ? beyond(keys, plan.page.values, bindings) : [undefined]
  const rows =
    pages.length === 1 ? branch(pages[0], `${record} AS j`) : union(pages as string[], branch, record, keys, plan.limit)
  const count = `SELECT count(*) AS n ${from}${matching.length > 0 ? ` WHERE ${matching.join(" AND ")}` : ""}`
  const total = plan.total ? `, (${setApart(count, "n")}) AS total` : ""
  const data = `(SELECT '[' || coalesce(group_concat(j, ','), '') || ']' FROM (${rows}))`
  return { sql: `SELECT ${FRESHNESS} AS freshness${total}, ${data} AS data`, params: bindings.values }
}

/** One row: `freshness`, and `data`, the record's JSON array or null. */
export function getQuery(collection: Collection, access: FilterNode, id: string, projection: Projection): Query {
  const bindings = new Bindings()
  const idColumn = quote(collection.table.byKey.get("id")!.name)
  const record = projectionSql(projection, MAIN, bindings)
  const allowed = isAlways(access) ? "" : ` AND ${filterSql(access, MAIN, bindings)}`
  const row = `SELECT ${record} AS j FROM ${quote(collection.table.name)} ${MAIN} WHERE ${MAIN}.${idColumn} = ${bindings.add(id)}${allowed}`
  return {
    sql: `SELECT ${FRESHNESS} AS freshness, (${isDeep(access) ? setApart(row, "j") : row}) AS data`,
    params: bindings.values,
  }
}

/** Access, filter and search: what makes a row part of the list, whatever the page. */
export function conditions(
  plan: Pick<ListPlan, "collection" | "access" | "filter" | "search">,
  bindings: Bindings,
): string[] {
  const filters = [plan.access, plan.filter]
    .filter((filter) => !isAlways(filter))
    .map((filter) => filterSql(filter, MAIN, bindings))
  return plan.search ? [searchSql(plan.collection.table, plan.search, MAIN, bindings), ...filters] : filters
}

/** Each branch walks the index from its own start; the outer order joins them. */
function union(
  pages: readonly string[],
  branch: (condition: string, columns: string) => string,
  record: string,
  keys: readonly OrderKey[],
  limit: number,
): string {
  const columns = `${record} AS j, ${keys.map((key, i) => `${key.sql} AS k${i}`).join(", ")}`
  const order = keys.map((key, i) => `k${i}${key.descending ? " DESC" : ""}`).join(", ")
  return `SELECT j FROM (${pages.map((page) => `SELECT * FROM (${branch(page, columns)})`).join(" UNION ALL ")}) ORDER BY ${order} LIMIT ${limit + 1}`
}

function jsonArrayOf(keys: readonly OrderKey[]): string {
  return `json_array(${keys.map((key) => (key.column ? jsonValue(key.column, key.sql) : key.sql)).join(", ")})`
}
