/** Which columns and relations an answer holds, as one `json_array` in SQL and as a record on the wire. */

import type { FilterNode } from "../access/filter.ts"
import { isNever } from "../access/filter.ts"
import type { ResolvedRelation } from "../access/model.ts"
import { type Column, quote } from "../schema/columns.ts"
import { jsonValue } from "../schema/triggers.ts"
import { toWire } from "../schema/values.ts"
import { type Bindings, ref } from "./bindings.ts"
import { filterSql } from "./filter-sql.ts"

/** Records of a to-many relation, newest first. */
export const MOST_RELATED = 100
/** Production promises 32 arguments to a function; an array of arrays holds the rest. */
const ITEMS_PER_ARRAY = 30

export interface Projection {
  readonly columns: readonly Column[]
  readonly relations: readonly RelationProjection[]
}

export interface RelationProjection {
  readonly relation: ResolvedRelation
  /** The related rows that the caller may read. */
  readonly visible: FilterNode
  /** What the newest come first by: a column that the caller may not see would be told by the order. */
  readonly newest: readonly Column[]
  readonly projection: Projection
}

export type WireRecord = Record<string, unknown>

/** A JSON array of the columns' values, then of the relations', in the projection's order; `extra` expressions come last. */
export function projectionSql(
  projection: Projection,
  alias: string,
  bindings: Bindings,
  extra: readonly string[] = [],
): string {
  return jsonArray([
    ...projection.columns.map((column) => jsonValue(column, ref(alias, column))),
    ...projection.relations.map((relation) => relationSql(relation, alias, bindings)),
    ...extra,
  ])
}

/** @param values What {@link projectionSql} gave, parsed. */
export function decodeRecord(projection: Projection, values: readonly unknown[]): WireRecord {
  const items = flat(values, projection.columns.length + projection.relations.length)
  const record: WireRecord = {}
  let at = 0
  for (const column of projection.columns) record[column.key] = toWire(column, items[at++])
  for (const { relation, projection: inner } of projection.relations) {
    const value = items[at++] as unknown[] | null
    record[relation.name] = relation.many
      ? (value ?? []).map((item) => decodeRecord(inner, item as unknown[]))
      : value && decodeRecord(inner, value)
  }
  return record
}

/** The value that {@link projectionSql} put behind the record's own, counted from 0. */
export function extraValue(projection: Projection, values: readonly unknown[], index: number): unknown {
  const own = projection.columns.length + projection.relations.length
  return flat(values, own + index + 1)[own + index]
}

function relationSql(
  { relation, visible, newest, projection }: RelationProjection,
  alias: string,
  bindings: Bindings,
): string {
  if (isNever(visible)) return relation.many ? "json('[]')" : "NULL"
  const inner = bindings.alias()
  const from = `FROM ${quote(relation.target.name)} ${inner} WHERE ${ref(inner, relation.targetColumn)} = ${ref(alias, relation.ownColumn)} AND ${filterSql(visible, inner, bindings)}`
  const value = projectionSql(projection, inner, bindings)
  if (!relation.many) return `json((SELECT ${value} ${from} LIMIT 1))`
  const order = newest.length > 0 ? `ORDER BY ${newest.map((column) => `${ref(inner, column)} DESC`).join(", ")}` : ""
  return `json((SELECT json_group_array(json(j)) FROM (SELECT ${value} AS j ${from} ${order} LIMIT ${MOST_RELATED})))`
}

function jsonArray(items: readonly string[]): string {
  if (items.length <= ITEMS_PER_ARRAY) return `json_array(${items.join(", ")})`
  const parts: string[] = []
  for (let start = 0; start < items.length; start += ITEMS_PER_ARRAY) {
    parts.push(`json_array(${items.slice(start, start + ITEMS_PER_ARRAY).join(", ")})`)
  }
  return `json_array(${parts.join(", ")})`
}

/** @param least How many items there are at least; above the bound they came in groups. */
function flat(values: readonly unknown[], least: number): readonly unknown[] {
  return least > ITEMS_PER_ARRAY || values.length < least ? (values as unknown[][]).flat(1) : values
}
