/** Which tables hang on which, by their foreign keys. */

import type { TableSchema } from "./table-schema.ts"

/** The names given, and all tables that refer to them over any number of keys. */
export function withDescendants(tables: readonly TableSchema[], roots: Iterable<string>): Set<string> {
  const found = new Set(roots)
  for (const name of found) {
    for (const table of tables) if (table.foreignKeys.some((key) => key.table === name)) found.add(table.name)
  }
  return found
}

/** Referred tables before those that refer to them; within a cycle in any order. */
export function parentsFirst(tables: readonly TableSchema[]): TableSchema[] {
  const ordered = new Set<TableSchema>()
  const entered = new Set<TableSchema>()
  const visit = (table: TableSchema) => {
    if (entered.has(table)) return
    entered.add(table)
    for (const parent of parents(tables, table)) visit(parent)
    ordered.add(table)
  }
  for (const table of tables) visit(table)
  return [...ordered]
}

/** Tables that lead back to themselves over at least one other table. */
export function inCycles(tables: readonly TableSchema[]): TableSchema[] {
  return tables.filter((table) => {
    const above = new Set(parents(tables, table))
    for (const parent of above) for (const next of parents(tables, parent)) above.add(next)
    return above.has(table)
  })
}

function parents(tables: readonly TableSchema[], table: TableSchema): TableSchema[] {
  return tables.filter((other) => other !== table && table.foreignKeys.some((key) => key.table === other.name))
}
