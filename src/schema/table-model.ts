/** A Drizzle table as the engine sees it. */

import { getTableColumns, getTableName } from "drizzle-orm"
import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core"
import { type Column, columnName, describeColumn } from "./columns.ts"
import { RECORD_COLUMNS } from "./record-columns.ts"

/** A foreign key over one column. */
export interface Reference {
  readonly column: Column
  readonly target: SQLiteTable
  /** The SQL name of the column that is referred to. */
  readonly targetName: string
}

export interface TableModel {
  readonly name: string
  readonly table: SQLiteTable
  readonly columns: readonly Column[]
  readonly byKey: ReadonlyMap<string, Column>
  readonly byName: ReadonlyMap<string, Column>
  readonly references: readonly Reference[]
  /** Whether it has the four record columns, and so a version, changes and an API. */
  readonly isRecord: boolean
}

const models = new WeakMap<SQLiteTable, TableModel>()

/** @throws TypeError when a column has no form on the wire. */
export function tableModel(table: SQLiteTable): TableModel {
  const known = models.get(table)
  if (known) return known
  const name = getTableName(table)
  const columns = Object.entries(getTableColumns(table)).map(([key, column]) => describeColumn(name, key, column))
  const byDrizzle = new Map(columns.map((column) => [column.drizzle.name, column]))
  const model: TableModel = {
    name,
    table,
    columns,
    byKey: new Map(columns.map((column) => [column.key, column])),
    byName: new Map(columns.map((column) => [column.name, column])),
    references: getTableConfig(table).foreignKeys.flatMap((key) => {
      const reference = key.reference()
      const column = byDrizzle.get(reference.columns[0]!.name)
      if (reference.columns.length !== 1 || !column) return []
      const target = reference.foreignTable
      const targetColumn = reference.foreignColumns[0]!
      const targetKey = Object.entries(getTableColumns(target)).find(([, candidate]) => candidate === targetColumn)?.[0]
      return [
        {
          column,
          target,
          targetName: columnName(targetKey ?? targetColumn.name, targetColumn),
        },
      ]
    }),
    isRecord: RECORD_COLUMNS.every((key) => key in getTableColumns(table)),
  }
  models.set(table, model)
  return model
}
