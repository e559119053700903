/** A filter read in memory, over a row in the form that `_changes` keeps: SQL names, numbers for booleans and times. */

import type { ChangeRow } from "../core/change.ts"
import type { Column } from "../schema/columns.ts"
import type { Comparison, FilterNode } from "./filter.ts"

/**
 * Says what SQL would say of the same row.
 * @throws TypeError for a filter that goes through a relation: only the database can answer it.
 */
export function matches(filter: FilterNode, row: ChangeRow): boolean {
  switch (filter.type) {
    case "constant":
      return filter.value
    case "and":
      return filter.parts.every((part) => matches(part, row))
    case "or":
      return filter.parts.some((part) => matches(part, row))
    case "not":
      return !matches(filter.part, row)
    case "compare":
      return compares(filter.op, filter.column, row[filter.column.name] ?? null, filter.value)
    case "list": {
      const value = row[filter.column.name] ?? null
      const found = value !== null && filter.values.some((item) => order(filter.column, value, item) === 0)
      return found !== filter.negated
    }
    case "text": {
      const value = row[filter.column.name]
      if (typeof value !== "string") return false
      const [text, sought] = [foldedIn(row, filter.column, value), foldAscii(filter.value)]
      return filter.op === "contains" ? text.includes(sought) : text.startsWith(sought)
    }
    case "has": {
      const value = row[filter.column.name]
      return Array.isArray(value) && value.includes(filter.value)
    }
    case "related":
      throw new TypeError(`a filter through the relation ${filter.relation.name} can't be read in memory`)
  }
}

function compares(op: Comparison, column: Column, value: unknown, operand: unknown): boolean {
  if (value === null || operand === null) {
    if (op === "eq") return value === operand
    return op === "ne" && value !== operand
  }
  const sign = order(column, value, operand)
  switch (op) {
    case "eq":
      return sign === 0
    case "ne":
      return sign !== 0
    case "gt":
      return sign > 0
    case "gte":
      return sign >= 0
    case "lt":
      return sign < 0
    case "lte":
      return sign <= 0
  }
}

/** Negative, zero or positive, as SQLite orders two values that are not null. */
function order(column: Column, a: unknown, b: unknown): number {
  if (column.kind === "bigint") {
    const [x, y] = [BigInt(a as string), BigInt(b as string)]
    return x < y ? -1 : x > y ? 1 : 0
  }
  if (typeof a === "string") return compareText(a, b as string)
  return (a as number) - (b as number)
}

/** Orders text by code point, as SQLite orders UTF-8 bytes; JavaScript orders by UTF-16 unit. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) return lastForSurrogates(x) - lastForSurrogates(y)
  }
  return a.length - b.length
}

function lastForSurrogates(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}

/** Many filters are asked of a row, and a text may be long. */
const foldedTexts = new WeakMap<ChangeRow, Map<Column, string>>()

function foldedIn(row: ChangeRow, column: Column, text: string): string {
  const known = foldedTexts.get(row) ?? new Map<Column, string>()
  const folded = known.get(column) ?? foldAscii(text)
  known.set(column, folded)
  foldedTexts.set(row, known)
  return folded
}

/** SQLite's `lower()` folds A to Z only. */
function foldAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
