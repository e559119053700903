/** The statements of each step of a migration, in the order of the steps. */

import { quote } from "../../src/schema/columns.ts"
import { addColumn, createIndex } from "./ddl.ts"
import { keyOf, type TableDiff } from "./diff.ts"
import { inCycles, parentsFirst } from "./graph.ts"
import { Refusal } from "./refusal.ts"
import { columnOf, type TableSchema } from "./table-schema.ts"

export function dropTriggers(tables: readonly TableSchema[]): string[] {
  return tables.flatMap((table) => table.triggers.map((trigger) => `DROP TRIGGER IF EXISTS ${quote(trigger.name)}`))
}

export function dropSearch(diffs: readonly TableDiff[], dropped: readonly TableSchema[]): string[] {
  return [...diffs.filter((diff) => diff.searchChanged).map((diff) => diff.before), ...dropped].flatMap((table) =>
    table.search ? [`DROP TABLE ${quote(table.search.name)}`] : [],
  )
}

/** All of dropped tables too: a new table may want the name of an index before the old table goes. */
export function dropIndexes(diffs: readonly TableDiff[], dropped: readonly TableSchema[]): string[] {
  const indexes = [...diffs.flatMap((diff) => diff.droppedIndexes), ...dropped.flatMap((table) => table.indexes)]
  return indexes.map((index) => `DROP INDEX ${quote(index.name)}`)
}

export function addToTable({ after, addedColumns, addedIndexes }: TableDiff): string[] {
  return [
    ...addedColumns.map((column) => addColumn(after, column, keyOf(after, column))),
    ...addedIndexes.map((index) => createIndex(after, index)),
  ]
}

export function dropColumns({ after, droppedColumns }: TableDiff): string[] {
  return droppedColumns.map((column) => `ALTER TABLE ${quote(after.name)} DROP COLUMN ${quote(column.name)}`)
}

/** Children first: dropping a table deletes its rows, and a foreign key of a table that is still there would notice. */
export function dropTables(dropped: readonly TableSchema[]): string[] {
  for (const table of dropped) {
    const held =
      inCycles(dropped).includes(table) ||
      table.foreignKeys.some((key) => key.table === table.name && key.onDelete === "restrict")
    if (held)
      throw new Refusal(
        table.name,
        "it can't be dropped, because its rows hold each other in a circle of foreign keys",
        "take the foreign keys away in one migration and the tables in the next",
      )
  }
  return parentsFirst(dropped)
    .toReversed()
    .map((table) => `DROP TABLE ${quote(table.name)}`)
}

/** @param moved Tables whose rows were put back, maybe under other rowids, which the index goes by. */
export function createSearch(
  created: readonly TableSchema[],
  diffs: readonly TableDiff[],
  moved: ReadonlySet<string>,
): string[] {
  return [
    ...created.flatMap(({ search }) => (search ? [search.create] : [])),
    ...diffs.flatMap(({ after: { name, search }, searchChanged }) => {
      if (!search) return []
      if (searchChanged) return [search.create, search.rebuild]
      return moved.has(name) ? [search.rebuild] : []
    }),
  ]
}

/** What the developer should know before applying the migration. */
export function notesOf(
  diffs: readonly TableDiff[],
  dropped: readonly TableSchema[],
  rebuilt: ReadonlySet<string>,
  moved: ReadonlySet<string>,
): string[] {
  const gone = [
    ...dropped.map((table) => table.name),
    ...diffs.flatMap(({ after, droppedColumns }) => droppedColumns.map((column) => `${after.name}.${column.name}`)),
  ]
  const tightened = diffs.flatMap(({ before, after }) =>
    after.columns
      .filter((column) => column.notNull && columnOf(before, column.name)?.notNull === false)
      .map((column) => `${after.name}.${column.name}`),
  )
  const beside = [...moved].filter((name) => !rebuilt.has(name))
  return [
    ...(gone.length ? [`It drops ${gone.join(", ")} with all values.`] : []),
    ...(tightened.length ? [`It stops at the first row without ${tightened.join(" or ")}: backfill them before.`] : []),
    ...(rebuilt.size ? [`It rebuilds ${[...rebuilt].join(", ")}, copying every row twice.`] : []),
    ...(beside.length ? [`The rows of ${beside.join(", ")}, which refer to them, are kept aside and put back.`] : []),
    ...(gone.length + rebuilt.size
      ? ["Note a way back before you apply it remotely: npx wrangler d1 time-travel info DB"]
      : []),
  ]
}
