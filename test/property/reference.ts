/** The filter's meaning once more, over whole tables in memory, written without a look at the engine's two interpreters. */

import type { Collection, ResolvedRelation } from "../../src/access/model.ts"
import { NOBODY } from "../../src/core/caller.ts"
import type { Column } from "../../src/schema/columns.ts"
import type { TableModel } from "../../src/schema/table-model.ts"
import type { Row } from "./values.ts"

/** All rows of each table, by its SQL name. */
export type Tables = ReadonlyMap<string, readonly Row[]>

export interface World {
  readonly tables: Tables
  /** Whether a related row exists for whoever asks. */
  readonly sees: (relation: ResolvedRelation, row: Row) => boolean
}

export function holds(
  filter: Row,
  table: TableModel,
  collection: Collection | undefined,
  row: Row,
  world: World,
): boolean {
  return Object.entries(filter).every(([key, value]) => {
    const inner = (part: unknown) => holds(part as Row, table, collection, row, world)
    if (key === "and") return (value as Row[]).every(inner)
    if (key === "or") return (value as Row[]).some(inner)
    if (key === "not") return !inner(value)
    const column = table.byKey.get(key)
    if (column) return conditionHolds(column, row[key] ?? null, value)
    return relatedHolds(collection!.relations.get(key)!, row, value as Row, world)
  })
}

export function relatedRows(relation: ResolvedRelation, row: Row, world: World): Row[] {
  const own = row[relation.ownColumn.key] ?? null
  const rows = world.tables.get(relation.target.name) ?? []
  return rows.filter((other) => own !== null && other[relation.targetColumn.key] === own && world.sees(relation, other))
}

function relatedHolds(relation: ResolvedRelation, row: Row, value: Row, world: World): boolean {
  const rows = relatedRows(relation, row, world)
  const fits = (filter: unknown) => (other: Row) =>
    holds(filter as Row, relation.target, relation.collection, other, world)
  if (!relation.many) return rows.some(fits(value))
  return Object.entries(value).every(([word, filter]) => {
    if (word === "some") return rows.some(fits(filter))
    if (word === "none") return !rows.some(fits(filter))
    return rows.every(fits(filter))
  })
}

function conditionHolds(column: Column, value: unknown, condition: unknown): boolean {
  if (typeof condition !== "object" || condition === null) return operatorHolds(column, value, "eq", condition)
  return Object.entries(condition).every(([op, operand]) => operatorHolds(column, value, op, operand))
}

function operatorHolds(column: Column, value: unknown, op: string, operand: unknown): boolean {
  if (operand === NOBODY) return false
  switch (op) {
    case "eq":
      return same(column, value, operand)
    case "ne":
      return !same(column, value, operand)
    case "in":
      return (operand as unknown[]).some((item) => item !== NOBODY && same(column, value, item))
    case "notIn":
      return !(operand as unknown[]).some((item) => item === NOBODY || same(column, value, item))
    case "contains":
      return value !== null && fold(value as string).includes(fold(operand as string))
    case "startsWith":
      return value !== null && fold(value as string).startsWith(fold(operand as string))
    case "has":
      return Array.isArray(value) && value.some((item) => typeof item === typeof operand && item === operand)
  }
  if (value === null) return false
  const sign = compareValues(column, value, operand)
  return op === "gt" ? sign > 0 : op === "gte" ? sign >= 0 : op === "lt" ? sign < 0 : sign <= 0
}

function same(column: Column, a: unknown, b: unknown): boolean {
  if (a === null || b === null) return a === b
  return compareValues(column, a, b) === 0
}

/** Null is the smallest value; text is ordered by code point. */
export function compareValues(column: Column, a: unknown, b: unknown): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  const [x, y] = [plain(column, a), plain(column, b)]
  if (typeof x === "string") return compareCodePoints(x, y as string)
  return x < (y as typeof x) ? -1 : x > (y as typeof x) ? 1 : 0
}

function plain(column: Column, value: unknown): string | number | bigint {
  if (column.kind === "timestamp") return Date.parse(value as string)
  if (column.kind === "bigint") return BigInt(value as string)
  return typeof value === "boolean" ? Number(value) : (value as string | number)
}

function compareCodePoints(a: string, b: string): number {
  const [x, y] = [[...a], [...b]]
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const difference = x[i]!.codePointAt(0)! - y[i]!.codePointAt(0)!
    if (difference !== 0) return difference
  }
  return x.length - y.length
}

function fold(text: string): string {
  return [...text].map((c) => (c >= "A" && c <= "Z" ? c.toLowerCase() : c)).join("")
}
