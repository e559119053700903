/** SQL text of tables, columns and indexes. Every table is STRICT. */

import { quote } from "../../src/schema/columns.ts"
import { type ColumnSchema, columnOf, type ForeignKey, type IndexSchema, type TableSchema } from "./table-schema.ts"

export function createTable(table: TableSchema): string {
  const lines = [
    ...table.columns.map(columnText),
    ...(table.primaryKey.length ? [`PRIMARY KEY (${list(table.primaryKey)})`] : []),
    ...table.foreignKeys.map((key) => `FOREIGN KEY (${list(key.columns)}) ${referenceText(key)}`),
    ...table.checks.map((check) => `CONSTRAINT ${quote(check.name)} CHECK (${check.sql})`),
  ]
  return `CREATE TABLE ${quote(table.name)} (\n${lines.map((line) => `  ${line}`).join(",\n")}\n) STRICT`
}

export function createIndex(table: TableSchema, index: IndexSchema): string {
  const keys = index.keys.map((key) => (columnOf(table, key) ? quote(key) : key)).join(", ")
  const where = index.where ? ` WHERE ${index.where}` : ""
  return `CREATE ${index.unique ? "UNIQUE " : ""}INDEX ${quote(index.name)} ON ${quote(table.name)} (${keys})${where}`
}

/** @param key The foreign key of this column alone, if it has one. */
export function addColumn(table: TableSchema, column: ColumnSchema, key: ForeignKey | undefined): string {
  const reference = key ? ` ${referenceText(key)}` : ""
  return `ALTER TABLE ${quote(table.name)} ADD COLUMN ${columnText(column)}${reference}`
}

function columnText(column: ColumnSchema): string {
  const name = quote(column.name)
  const { generated } = column
  return [
    `${name} ${column.type}`,
    column.primaryKey && `PRIMARY KEY${column.autoincrement ? " AUTOINCREMENT" : ""}`,
    column.notNull && "NOT NULL",
    column.default !== null && `DEFAULT ${column.default}`,
    generated && `GENERATED ALWAYS AS ${generated.as} ${generated.stored ? "STORED" : "VIRTUAL"}`,
    column.json && `CHECK (json_valid(${name}))`,
  ]
    .filter(Boolean)
    .join(" ")
}

function referenceText(key: ForeignKey): string {
  const action = (event: string, what: string) => (what === "no action" ? "" : ` ON ${event} ${what.toUpperCase()}`)
  const target = `REFERENCES ${quote(key.table)} (${list(key.target)})`
  return `${target}${action("DELETE", key.onDelete)}${action("UPDATE", key.onUpdate)}`
}

export function list(names: readonly string[]): string {
  return names.map(quote).join(", ")
}
