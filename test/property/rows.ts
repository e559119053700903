/** Rows for whole tables: drawn, written with plain SQL, and read back as the log of changes keeps them. */

import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import fc from "fast-check"
import { type Column, quote } from "../../src/schema/columns.ts"
import { type TableModel, tableModel } from "../../src/schema/table-model.ts"
import { placeholderFor, type Stored, toStored } from "../../src/schema/values.ts"
import { fieldValue, type Row } from "./values.ts"

const STATEMENTS_PER_BATCH = 100

/** The id of the n-th row. */
export function idOf(n: number): string {
  return `0199aaaa-0000-7000-8000-${n.toString(16).padStart(12, "0")}`
}

/** A row of a table; the columns of `given` get their own values. Unique columns hold null or a value of their own. */
export function rowOf(
  table: SQLiteTable,
  n: number,
  given: Record<string, fc.Arbitrary<unknown>> = {},
): fc.Arbitrary<Row> {
  const drawn = tableModel(table).columns.map((column): [string, fc.Arbitrary<unknown>] => [
    column.key,
    given[column.key] ?? standard(column, n),
  ])
  return fc.record(Object.fromEntries(drawn))
}

function standard(column: Column, n: number): fc.Arbitrary<unknown> {
  if (column.key === "id") return fc.constant(idOf(n))
  if (column.key === "version") return fc.integer({ min: 1, max: 9 })
  const value = column.drizzle.isUnique ? fc.constantFrom(`${column.key}${n}`) : fieldValue(column)
  return column.nullable ? fc.option(value, { freq: 4 }) : value
}

/** Statements that insert rows given in the form of the wire. */
export function insertStatements(d1: D1Database, table: SQLiteTable, rows: readonly Row[]): D1PreparedStatement[] {
  const model = tableModel(table)
  const names = model.columns.map((column) => quote(column.name)).join(", ")
  const marks = model.columns.map((column, i) => placeholderFor(column, `?${i + 1}`)).join(", ")
  const insert = d1.prepare(`INSERT INTO ${quote(model.name)} (${names}) VALUES (${marks})`)
  return rows.map((row) => insert.bind(...model.columns.map((column) => storedValue(column, row[column.key] ?? null))))
}

export async function runAll(d1: D1Database, statements: readonly D1PreparedStatement[]): Promise<void> {
  for (let start = 0; start < statements.length; start += STATEMENTS_PER_BATCH) {
    await d1.batch(statements.slice(start, start + STATEMENTS_PER_BATCH))
  }
}

/** The newest `after` of each row of a table that is still there, by id. */
export async function rowsOfChanges(d1: D1Database, model: TableModel): Promise<Map<string, Row>> {
  const { results } = await d1
    .prepare("SELECT record_id, after FROM _changes WHERE table_name = ? ORDER BY seq")
    .bind(model.name)
    .all<{ record_id: string; after: string | null }>()
  const rows = new Map<string, Row>()
  for (const { record_id, after } of results) {
    if (after === null) rows.delete(record_id)
    else rows.set(record_id, Object.assign({}, ...[JSON.parse(after)].flat(3)) as Row)
  }
  return rows
}

function storedValue(column: Column, value: unknown): Stored {
  if (value === null) return null
  const result = toStored(column, value)
  if ("fault" in result) throw new TypeError(`${column.key}: ${JSON.stringify(value)} ${result.fault}`)
  return result.stored
}
