/** Renames, which a difference of two schemas can't show: said on the command line, done to the last snapshot. */

import { toSnakeCase } from "drizzle-orm/casing"
import { quote } from "../../src/schema/columns.ts"
import type { TableModel } from "../../src/schema/table-model.ts"
import { Refusal } from "./refusal.ts"
import { columnOf, outsideStrings, type Snapshot, type TableSchema } from "./table-schema.ts"

/** `films.year:releaseYear` for a column, `movies:films` for a table; SQL names or keys. */
const RENAME = /^(?:(\w+)\.)?(\w+):(\w+)$/

export interface Renamed {
  tables: TableSchema[]
  statements: string[]
  /** Tables that were renamed or had a column renamed, by their new names. */
  touched: Set<string>
}

export function applyRenames(previous: Snapshot, models: readonly TableModel[], renames: readonly string[]): Renamed {
  const renamed: Renamed = { tables: structuredClone(previous.tables), statements: [], touched: new Set() }
  const parsed = renames.map(parse)
  const newNames = new Map<string, string>()
  for (const { text, table, from, to } of parsed) {
    if (!table) newNames.set(from, renameTable(renamed, models, text, from, to))
  }
  for (const { text, table, from, to } of parsed) {
    if (table) renameColumn(renamed, models, text, newNames.get(table) ?? table, from, to)
  }
  return renamed
}

function parse(text: string) {
  const [, table, from, to] = RENAME.exec(text) ?? []
  if (!from || !to)
    throw new Refusal(`--rename ${text}`, "it can't be read", "write table.old:new for a column, old:new for a table")
  return { text, table, from, to }
}

function renameTable(renamed: Renamed, models: readonly TableModel[], text: string, from: string, to: string): string {
  const now = models.map((model) => model.name)
  const before = renamed.tables.map((table) => table.name)
  const oldName = pick(text, "table", before, from)
  const newName = pick(text, "table", now, to)
  checkMove(text, "table", before, now, oldName, newName)
  renamed.tables.find((table) => table.name === oldName)!.name = newName
  for (const key of renamed.tables.flatMap((table) => table.foreignKeys)) if (key.table === oldName) key.table = newName
  renamed.statements.push(`ALTER TABLE ${quote(oldName)} RENAME TO ${quote(newName)}`)
  renamed.touched.add(newName)
  return newName
}

function renameColumn(
  renamed: Renamed,
  models: readonly TableModel[],
  text: string,
  tableName: string,
  from: string,
  to: string,
): void {
  const common = renamed.tables.filter((table) => models.some((model) => model.name === table.name))
  const name = pick(
    text,
    "table",
    common.map((table) => table.name),
    tableName,
  )
  const table = common.find((candidate) => candidate.name === name)!
  const model = models.find((candidate) => candidate.name === name)!
  const before = table.columns.map((column) => column.name)
  const now = model.columns.map((column) => column.name)
  const oldName = pick(text, "column", before, from)
  const newName = model.byKey.get(to)?.name ?? pick(text, "column", now, to)
  checkMove(text, "column", before, now, oldName, newName)
  columnOf(table, oldName)!.name = newName
  renameInside(table, oldName, newName)
  for (const key of renamed.tables.flatMap((other) => other.foreignKeys)) {
    if (key.table === name) key.target = key.target.map((target) => (target === oldName ? newName : target))
  }
  renamed.statements.push(`ALTER TABLE ${quote(name)} RENAME COLUMN ${quote(oldName)} TO ${quote(newName)}`)
  renamed.touched.add(name)
}

/** What names the column in the table's own text, as SQLite itself rewrites it. */
function renameInside(table: TableSchema, oldName: string, newName: string): void {
  const name = (one: string) => (one === oldName ? newName : one)
  const text = (sql: string) => outsideStrings(sql, (part) => part.replaceAll(quote(oldName), quote(newName)))
  table.primaryKey = table.primaryKey.map(name)
  for (const key of table.foreignKeys) key.columns = key.columns.map(name)
  for (const check of table.checks) check.sql = text(check.sql)
  for (const index of table.indexes) {
    index.keys = index.keys.map((key) => (key === oldName ? newName : text(key)))
    index.where = index.where && text(index.where)
  }
  for (const { generated } of table.columns) if (generated) generated.as = text(generated.as)
}

function pick(text: string, what: string, names: readonly string[], wanted: string): string {
  const found = names.find((name) => name === wanted) ?? names.find((name) => name === toSnakeCase(wanted))
  if (found) return found
  throw new Refusal(`--rename ${text}`, `there is no ${what} ${wanted}`, `choose from ${names.join(", ")}`)
}

function checkMove(text: string, what: string, before: string[], now: string[], from: string, to: string): void {
  if (now.includes(from))
    throw new Refusal(`--rename ${text}`, `the ${what} ${from} is still in the schema`, "take it out, or don't rename")
  if (before.includes(to))
    throw new Refusal(`--rename ${text}`, `the ${what} ${to} was there before`, "choose a name that is new")
}
