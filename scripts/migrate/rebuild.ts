/**
 * Builds tables anew with their rows. D1 can't switch foreign keys off, so dropping a table deletes or unties the rows
 * of all tables that hang on it: they are kept aside with the rebuilt tables' own, and put back parents first. The
 * caller has dropped the triggers of all of them, or each row would be written as a change.
 */

import { quote } from "../../src/schema/columns.ts"
import { createIndex, createTable, list } from "./ddl.ts"
import { inCycles, parentsFirst } from "./graph.ts"
import { Refusal } from "./refusal.ts"
import { columnOf, type TableSchema } from "./table-schema.ts"

export interface Rebuild {
  /** The rebuilt tables and all their descendants, as they are. */
  before: TableSchema[]
  /** The same tables as they will be; those that aren't rebuilt are still as they are. */
  after: TableSchema[]
  /** Names of the tables to build anew. */
  rebuilt: ReadonlySet<string>
}

export function rebuildTables({ before, after, rebuilt }: Rebuild): string[] {
  if (rebuilt.size === 0) return []
  checkRestrict(before, after)
  const parents = parentsFirst(before)
  const restored = parentsFirst(after)
  // Within a cycle no order fits; elsewhere keys are checked at once, where a violation is an error and not a reset.
  const cyclic = inCycles(before).length > 0 || inCycles(after).length > 0
  return [
    ...(cyclic ? ["PRAGMA defer_foreign_keys = on"] : []),
    ...parents.map((table) => `CREATE TABLE ${keep(table)} AS SELECT ${columns(table)} FROM ${quote(table.name)}`),
    ...parents.toReversed().map((table) => `DELETE FROM ${quote(table.name)}`),
    // One after the other: SQLite won't drop a table while a table that it would cascade into refers to a missing one.
    ...restored
      .filter((table) => rebuilt.has(table.name))
      .flatMap((table) => [
        `DROP TABLE ${quote(table.name)}`,
        createTable(table),
        ...table.indexes.map((index) => createIndex(table, index)),
      ]),
    ...restored.map((table) => restore(before.find((old) => old.name === table.name)!, table)),
    ...parents.map((table) => `DROP TABLE ${keep(table)}`),
  ]
}

function checkRestrict(before: readonly TableSchema[], after: readonly TableSchema[]): void {
  for (const tables of [before, after]) {
    const cyclic = inCycles(tables)
    for (const table of tables) {
      const restricts = table.foreignKeys.find(
        (key) =>
          key.onDelete === "restrict" &&
          (key.table === table.name ||
            (cyclic.includes(table) && cyclic.some((other) => other.name === key.table && other !== table))),
      )
      if (!restricts) continue
      throw new Refusal(
        `${table.name}.${restricts.columns.join("+")}`,
        `the table would have to be rebuilt, and "restrict" in a circle of foreign keys doesn't let its rows go`,
        `drop "restrict" from the key first (in a circle, "no action" refuses the same deletes), or add a nullable column and backfill it instead`,
      )
    }
  }
}

/**
 * STRICT converts what it can without loss and fails on the rest, which rolls the migration back; a CAST would turn
 * 'abc' into 0. Only between BLOB and the rest it converts nothing.
 */
function restore(before: TableSchema, after: TableSchema): string {
  const common = after.columns.filter((column) => !column.generated && columnOf(before, column.name))
  const values = common.map((column) => {
    const old = columnOf(before, column.name)!
    const name = quote(column.name)
    return old.type !== column.type && [old.type, column.type].includes("BLOB")
      ? `CAST(${name} AS ${column.type})`
      : name
  })
  const names = list(common.map((column) => column.name))
  return `INSERT INTO ${quote(after.name)} (${names}) SELECT ${values.join(", ")} FROM ${keep(before)}`
}

function keep(table: TableSchema): string {
  return quote(`__keep_${table.name}`)
}

function columns(table: TableSchema): string {
  return list(table.columns.map((column) => column.name))
}
