/** A missing index as the line of Drizzle code that adds it. */

import { is, SQL, StringChunk } from "drizzle-orm"
import { toSnakeCase } from "drizzle-orm/casing"
import { getTableConfig, type SQLiteColumn } from "drizzle-orm/sqlite-core"
import type { SortKey } from "../../src/access/model.ts"
import type { Column } from "../../src/schema/columns.ts"
import type { TableModel } from "../../src/schema/table-model.ts"

export interface MissingIndex {
  readonly table: TableModel
  readonly keys: readonly SortKey[]
}

/** One that begins with all of another serves both. */
export function covers(one: MissingIndex, other: MissingIndex): boolean {
  if (one.table !== other.table || one.keys.length < other.keys.length) return false
  return columnsOf(other).every((text, i) => columnsOf(one)[i] === text)
}

/** Whether the table has an index that begins with the same columns, in the same directions or all turned round. */
export function isDeclared({ table, keys }: MissingIndex): boolean {
  const whole = getTableConfig(table.table).indexes.filter((index) => index.config.where === undefined)
  return [false, true].some((turned) =>
    whole.some(({ config: { columns } }) =>
      keys.every((key, i) => isKey(columns[i], key.column, key.descending !== turned)),
    ),
  )
}

function isKey(entry: SQLiteColumn | SQL | undefined, column: Column, descending: boolean): boolean {
  if (!is(entry, SQL)) return entry === column.drizzle && !descending
  const text = entry.queryChunks.map((chunk) => (is(chunk, StringChunk) ? chunk.value.join("") : "")).join("")
  return entry.queryChunks.includes(column.drizzle) && /^\s*desc\s*$/i.test(text) === descending
}

/** @param others Names that are taken by other suggestions; the new name is added. */
export function indexCode(missing: MissingIndex, others: Set<string>): string {
  const taken = new Set([...others, ...getTableConfig(missing.table.table).indexes.map((index) => index.config.name)])
  const words = missing.keys.map(({ column }) => toSnakeCase(column.key).replace(/_id$/, ""))
  let name = `${missing.table.name}_by`
  for (const word of words) {
    name += `_${word}`
    if (!taken.has(name)) break
  }
  while (taken.has(name)) name += "_2"
  others.add(name)
  return `index("${name}").on(${columnsOf(missing).join(", ")})`
}

function columnsOf({ keys }: MissingIndex): string[] {
  return keys.map(({ column, descending }) => (descending ? `desc(t.${column.key})` : `t.${column.key}`))
}
