/** Orders, and the condition for the rows beyond a cursor. Null is the smallest value, as in SQLite itself. */

import type { Sort } from "../access/model.ts"
import type { Column } from "../schema/columns.ts"
import { placeholderFor, type Stored } from "../schema/values.ts"
import { type Bindings, ref } from "./bindings.ts"

export interface OrderKey {
  readonly sql: string
  /** Undefined for a computed key, which is a number and never null. */
  readonly column: Column | undefined
  readonly descending: boolean
}

/** @param reversed Turns every key, `id` too. */
export function orderKeys(sort: Sort, alias: string, reversed: boolean): OrderKey[] {
  return sort.keys.map(({ column, descending }) => ({
    sql: ref(alias, column),
    column,
    descending: descending !== reversed,
  }))
}

export function orderBy(keys: readonly OrderKey[]): string {
  return keys.map((key) => `${key.sql}${key.descending ? " DESC" : ""}`).join(", ")
}

/**
 * Conditions that together select the rows beyond `values`, each walkable in order along an index: at most three.
 * Rows of one condition come before those of the next.
 */
export function beyond(keys: readonly OrderKey[], values: readonly Stored[], bindings: Bindings): string[] {
  const marks = keys.map((key, i) => (values[i] === null ? null : placeholder(key, values[i]!, bindings)))
  if (rowValuesFit(keys)) return [rowValue(keys, marks)]
  const [first, ...rest] = keys
  const [mark = null, ...restMarks] = marks
  const conditions: string[] = []
  if (rest.length > 0) conditions.push(`(${equals(first!, mark)} AND ${nestedBeyond(rest, restMarks)})`)
  if (mark === null) {
    if (!first!.descending) conditions.push(`(${first!.sql} IS NOT NULL)`)
  } else {
    conditions.push(`(${first!.sql} ${sign(first!)} ${mark})`)
    if (first!.descending && nullable(first!)) conditions.push(`(${first!.sql} IS NULL)`)
  }
  return conditions
}

function nestedBeyond(keys: readonly OrderKey[], marks: readonly (string | null)[]): string {
  if (rowValuesFit(keys)) return rowValue(keys, marks)
  const [first, ...rest] = keys
  const [mark = null, ...restMarks] = marks
  const strictly = strictlyBeyond(first!, mark)
  if (rest.length === 0) return strictly
  return `(${strictly} OR (${equals(first!, mark)} AND ${nestedBeyond(rest, restMarks)}))`
}

function strictlyBeyond(key: OrderKey, mark: string | null): string {
  if (mark === null) return key.descending ? "0" : `(${key.sql} IS NOT NULL)`
  const past = `(${key.sql} ${sign(key)} ${mark})`
  return key.descending && nullable(key) ? `(${past} OR (${key.sql} IS NULL))` : past
}

function equals(key: OrderKey, mark: string | null): string {
  return mark === null ? `(${key.sql} IS NULL)` : `(${key.sql} = ${mark})`
}

/** `(a, b) > (?, ?)` walks an index when all keys go one way and none is null. */
function rowValuesFit(keys: readonly OrderKey[]): boolean {
  return keys.every((key) => !nullable(key) && key.descending === keys[0]!.descending)
}

function rowValue(keys: readonly OrderKey[], marks: readonly (string | null)[]): string {
  if (keys.length === 1) return `(${keys[0]!.sql} ${sign(keys[0]!)} ${marks[0]})`
  return `((${keys.map((key) => key.sql).join(", ")}) ${sign(keys[0]!)} (${marks.join(", ")}))`
}

function sign(key: OrderKey): string {
  return key.descending ? "<" : ">"
}

function nullable(key: OrderKey): boolean {
  return key.column?.nullable ?? false
}

function placeholder(key: OrderKey, value: Stored, bindings: Bindings): string {
  const mark = bindings.add(value)
  return key.column ? placeholderFor(key.column, mark) : mark
}
