/** Reads the Drizzle tables into schemas. drizzle-kit names and resolves; what it gets wrong is put right here. */

import { generateSQLiteDrizzleJson } from "drizzle-kit/api"
import { is, type SQL, SQL as SqlExpression } from "drizzle-orm"
import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import { callerTriggers } from "../../src/schema/caller-triggers.ts"
import type { Column } from "../../src/schema/columns.ts"
import { searchTable } from "../../src/schema/search-table.ts"
import { type TableModel, tableModel } from "../../src/schema/table-model.ts"
import { recordTriggers } from "../../src/schema/triggers.ts"
import { parentsFirst } from "./graph.ts"
import { Refusal } from "./refusal.ts"
import { type ColumnSchema, outsideStrings, type TableSchema } from "./table-schema.ts"

/** What is used of drizzle-kit's description, whose own types don't resolve. */
interface KitTable {
  columns: Record<string, KitColumn>
  compositePrimaryKeys: Record<string, { columns: string[] }>
  foreignKeys: Record<
    string,
    { tableTo: string; columnsFrom: string[]; columnsTo: string[]; onDelete?: string; onUpdate?: string }
  >
  checkConstraints: Record<string, { name: string; value: string }>
  indexes: Record<string, { name: string; columns: string[]; isUnique: boolean; where?: string }>
}

interface KitColumn {
  type: string
  notNull: boolean
  primaryKey: boolean
  autoincrement: boolean
  default?: unknown
  generated?: { as: string; type: "stored" | "virtual" }
}

/** Searched columns by the SQL name of their table. */
export type Search = ReadonlyMap<string, readonly Column[]>

/** @returns The schemas, referred tables before those that refer to them. */
export async function describeSchema(tables: readonly SQLiteTable[], search: Search): Promise<TableSchema[]> {
  const models = [...new Set(tables)].map(tableModel)
  const twin = models.find((model, i) => models.findIndex((other) => other.name === model.name) < i)
  if (twin) throw new Refusal(twin.name, "two tables have this name", "rename one of them")
  const kit = await generateSQLiteDrizzleJson(
    Object.fromEntries(models.map((model) => [model.name, model.table])),
    undefined,
    "snake_case",
  )
  const described = kit.tables as unknown as Record<string, KitTable>
  return parentsFirst(models.map((model) => describeTable(model, described[model.name]!, search.get(model.name) ?? [])))
}

function describeTable(model: TableModel, kit: KitTable, searched: readonly Column[]): TableSchema {
  const { name } = model
  const search = searched.length ? searchTable(model, searched) : undefined
  const text = (place: string, sql: string) => plainText(name, `${name} (${place})`, sql)
  return {
    name,
    columns: model.columns.map((column) => describeColumn(name, column, kit.columns[column.name])),
    primaryKey: Object.values(kit.compositePrimaryKeys)[0]?.columns ?? [],
    foreignKeys: Object.values(kit.foreignKeys).map((key) => ({
      columns: key.columnsFrom,
      table: key.tableTo,
      target: key.columnsTo,
      onDelete: key.onDelete ?? "no action",
      onUpdate: key.onUpdate ?? "no action",
    })),
    checks: Object.values(kit.checkConstraints).map((check) => ({
      name: check.name,
      sql: text(`check ${check.name}`, check.value),
    })),
    indexes: Object.values(kit.indexes).map((index) => ({
      name: index.name,
      unique: index.isUnique,
      keys: index.columns.map((key) => text(`index ${index.name}`, key)),
      where: index.where ? text(`index ${index.name}`, index.where) : null,
    })),
    triggers: [...recordTriggers(model), ...callerTriggers(model), ...(search?.triggers ?? [])],
    search: search ? { name: search.name, create: search.create, rebuild: search.rebuild } : null,
  }
}

function describeColumn(table: string, column: Column, kit: KitColumn | undefined): ColumnSchema {
  const place = `${table}.${column.name}`
  if (!kit)
    throw new Refusal(place, "its definition already stands under another name", "write the column's definition anew")
  return {
    name: column.name,
    // STRICT tables know no text(10); the length is the API's to check.
    type: kit.type.replace(/\(.*\)$/, "").toUpperCase(),
    notNull: kit.notNull,
    primaryKey: kit.primaryKey,
    autoincrement: kit.autoincrement,
    default: defaultText(table, place, column, kit),
    generated: kit.generated
      ? { as: plainText(table, place, kit.generated.as), stored: kit.generated.type === "stored" }
      : null,
    json: column.kind === "json",
  }
}

/** drizzle-kit doesn't escape JSON and writes a Date as text, so literals are made here from the driver's value. */
function defaultText(table: string, place: string, column: Column, kit: KitColumn): string | null {
  const value: unknown = column.drizzle.default
  if (value === undefined || value === null) return null
  if (isExpression(value)) {
    const sql = plainText(table, place, String(kit.default))
    return /^(\(|CURRENT_|[-+'\d])/.test(sql) ? sql : `(${sql})`
  }
  const stored: unknown = column.drizzle.mapToDriverValue(value)
  if (typeof stored === "boolean") return stored ? "1" : "0"
  if (typeof stored === "number" || column.kind === "bigint") return String(stored)
  if (stored instanceof Uint8Array) return `X'${Buffer.from(stored).toString("hex")}'`
  return `'${String(stored).replaceAll("'", "''")}'`
}

function isExpression(value: unknown): value is SQL {
  return is(value, SqlExpression)
}

/** Expressions lose the name of their table, so that they hold in a rebuilt or renamed one too. */
function plainText(table: string, place: string, sql: string): string {
  return outsideStrings(sql, (part) => {
    if (part.includes("?"))
      throw new Refusal(place, "SQL in a schema can't carry a parameter", "write the value with sql.raw(…)")
    return part.replaceAll(`"${table}".`, "")
  })
}
