/** A missing index as the line of Drizzle code that adds it. */

import { toSnakeCase } from "drizzle-orm/casing"
import { getTableConfig } from "drizzle-orm/sqlite-core"
import type { SortKey } from "../../src/access/model.ts"
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

/** An index is walked both ways, so one that descends throughout is written like one that ascends. */
function columnsOf({ keys }: MissingIndex): string[] {
  const mixed = keys.some((key) => !key.descending)
  return keys.map(({ column, descending }) => (mixed && descending ? `desc(t.${column.key})` : `t.${column.key}`))
}
