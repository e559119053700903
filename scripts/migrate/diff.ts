/** What has to happen to a table that was there before: nothing, single columns and indexes, or a rebuild. */

import {
  type ColumnSchema,
  columnOf,
  type ForeignKey,
  type IndexSchema,
  same,
  type TableSchema,
} from "./table-schema.ts"

export interface TableDiff {
  before: TableSchema
  after: TableSchema
  addedColumns: ColumnSchema[]
  droppedColumns: ColumnSchema[]
  addedIndexes: IndexSchema[]
  droppedIndexes: IndexSchema[]
  /** Whether ALTER TABLE can't do it. */
  rebuild: boolean
  searchChanged: boolean
  triggersChanged: boolean
}

export function diffTable(before: TableSchema, after: TableSchema): TableDiff {
  const addedColumns = after.columns.filter((column) => !columnOf(before, column.name))
  const droppedColumns = before.columns.filter((column) => !columnOf(after, column.name))
  const has = (table: TableSchema, index: IndexSchema) => table.indexes.some((other) => same(other, index))
  return {
    before,
    after,
    addedColumns,
    droppedColumns,
    addedIndexes: after.indexes.filter((index) => !has(before, index)),
    droppedIndexes: before.indexes.filter((index) => !has(after, index)),
    rebuild: needsRebuild(before, after, addedColumns, droppedColumns),
    searchChanged: !same(before.search, after.search),
    triggersChanged: !same(before.triggers, after.triggers),
  }
}

/** The foreign key that ADD COLUMN can bring with it. */
export function keyOf(table: TableSchema, column: ColumnSchema): ForeignKey | undefined {
  return table.foreignKeys.find((key) => same(key.columns, [column.name]))
}

function needsRebuild(
  before: TableSchema,
  after: TableSchema,
  added: readonly ColumnSchema[],
  dropped: readonly ColumnSchema[],
): boolean {
  const kept = after.columns.filter((column) => !added.includes(column))
  const addedKeys = added.map((column) => keyOf(after, column))
  return (
    kept.some((column) => !same(column, columnOf(before, column.name))) ||
    !same(before.primaryKey, after.primaryKey) ||
    !same(sorted(before.checks), sorted(after.checks)) ||
    !same(sorted(before.foreignKeys), sorted(after.foreignKeys.filter((key) => !addedKeys.includes(key)))) ||
    added.some((column, i) => !canBeAdded(column, addedKeys[i])) ||
    dropped.some((column) => column.primaryKey)
  )
}

/** SQLite adds no column that is a key, stored and generated, computed by default, or a reference with a default. */
function canBeAdded(column: ColumnSchema, key: ForeignKey | undefined): boolean {
  return (
    !column.primaryKey &&
    !column.generated?.stored &&
    !/^(\(|CURRENT_)/.test(column.default ?? "") &&
    !(key && column.default !== null)
  )
}

function sorted(items: readonly unknown[]): string[] {
  return items.map((item) => JSON.stringify(item)).sort()
}
