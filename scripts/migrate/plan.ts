/** From the last snapshot and the schema as it is now to the statements that lead there. Reads and writes no file. */

import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import { engineObjects } from "../../src/schema/engine-objects.ts"
import { tableModel } from "../../src/schema/table-model.ts"
import { checkColumns, checkLosses, checkSchema, checkStatement, checkTables } from "./checks.ts"
import { createIndex, createTable } from "./ddl.ts"
import { describeSchema, type Search } from "./describe.ts"
import { diffTable } from "./diff.ts"
import { withDescendants } from "./graph.ts"
import { rebuildTables } from "./rebuild.ts"
import { applyRenames } from "./renames.ts"
import {
  addToTable,
  createSearch,
  dropColumns,
  dropIndexes,
  dropSearch,
  dropTables,
  dropTriggers,
  notesOf,
} from "./steps.ts"
import type { Snapshot } from "./table-schema.ts"

export interface MigrationRequest {
  previous: Snapshot
  /** The engine's and the application's. */
  tables: readonly SQLiteTable[]
  search: Search
  renames?: readonly string[]
  /** Whether what is gone beside something new is really gone, not renamed. */
  drop?: boolean
  /** How this migration is asked for; refusals repeat it with the options that mend them. */
  command?: string
}

export interface MigrationPlan {
  /** Without semicolons; empty when the schema is unchanged. */
  statements: string[]
  snapshot: Snapshot
  /** What the developer should know before applying it. */
  notes: string[]
}

/** @throws Refusal that names the place, the reason and the mend. */
export async function planMigration(request: MigrationRequest): Promise<MigrationPlan> {
  const { previous, renames = [], drop = false, command = "npm run migrate -- NAME" } = request
  const wanted = await describeSchema(request.tables, request.search)
  checkSchema(wanted)
  const renamed = applyRenames(previous, [...new Set(request.tables)].map(tableModel), renames)
  const created = wanted.filter((table) => !renamed.tables.some((other) => other.name === table.name))
  const dropped = renamed.tables.filter((table) => !wanted.some((other) => other.name === table.name))
  const diffs = wanted.flatMap((table) => {
    const old = renamed.tables.find((other) => other.name === table.name)
    return old ? [diffTable(old, table)] : []
  })
  if (!drop) {
    checkTables(command, created, dropped)
    for (const diff of diffs) checkColumns(command, diff)
  }
  diffs.forEach(checkLosses)

  const rebuilt = new Set(diffs.filter((diff) => diff.rebuild).map((diff) => diff.after.name))
  const moved = withDescendants(renamed.tables, rebuilt)
  const touched = diffs.filter(({ after, ...diff }) => {
    const columns = diff.addedColumns.length + diff.droppedColumns.length
    return moved.has(after.name) || renamed.touched.has(after.name) || columns > 0 || diff.triggersChanged
  })
  const altered = diffs.filter((diff) => !diff.rebuild)
  const movedTables = renamed.tables.filter((table) => moved.has(table.name))
  const statements = [
    ...dropTriggers([...touched.map((diff) => diff.before), ...dropped]),
    ...dropSearch(diffs, dropped),
    ...renamed.statements,
    ...dropIndexes(diffs, dropped),
    ...created.flatMap((table) => [createTable(table), ...table.indexes.map((index) => createIndex(table, index))]),
    ...altered.flatMap(addToTable),
    ...rebuildTables({
      rebuilt,
      before: movedTables,
      after: movedTables.map((table) => diffs.find((diff) => diff.rebuild && diff.before === table)?.after ?? table),
    }),
    ...altered.flatMap(dropColumns),
    ...dropTables(dropped),
    ...createSearch(created, diffs, moved),
    ...[...created, ...touched.map((diff) => diff.after)].flatMap((table) => table.triggers.map((one) => one.sql)),
    ...engineObjects.filter((sql) => !previous.objects.includes(sql)),
  ]
  statements.forEach(checkStatement)
  return {
    statements,
    snapshot: { tables: wanted, objects: [...engineObjects] },
    notes: notesOf(diffs, dropped, rebuilt, moved),
  }
}
