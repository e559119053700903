/** Drizzle columns as the engine sees them: a wire key, an SQL name and a kind. */

import type { SQL } from "drizzle-orm"
import { toSnakeCase } from "drizzle-orm/casing"
import type { SQLiteColumn } from "drizzle-orm/sqlite-core"

export type ColumnKind = "text" | "integer" | "real" | "boolean" | "timestamp" | "bigint" | "json" | "blob"

export interface Column {
  /** The name on the wire and in TypeScript. */
  readonly key: string
  /** The name in SQL, unquoted. */
  readonly name: string
  readonly kind: ColumnKind
  /** Milliseconds per stored unit of a timestamp: 1, or 1000 for seconds. */
  readonly unit: 1 | 1000
  readonly nullable: boolean
  /** Whether a row can be inserted without it although it isn't nullable. */
  readonly hasDefault: boolean
  readonly generated: boolean
  readonly choices: readonly string[] | undefined
  readonly maxLength: number | undefined
  readonly drizzle: SQLiteColumn
}

const KIND_OF: Record<string, ColumnKind> = {
  SQLiteText: "text",
  SQLiteInteger: "integer",
  SQLiteReal: "real",
  SQLiteBoolean: "boolean",
  SQLiteTimestamp: "timestamp",
  SQLiteTextJson: "json",
  SQLiteBlobBuffer: "blob",
}

/** @throws TypeError for a column type that the wire has no form for. */
export function describeColumn(table: string, key: string, column: SQLiteColumn): Column {
  const own = column as unknown as { mode?: string; length?: number }
  const kind =
    column.columnType === "SQLiteCustomColumn" && column.getSQLType() === "integer"
      ? "bigint"
      : KIND_OF[column.columnType]
  if (!kind) {
    throw new TypeError(
      `${table}.${key}: the column type ${column.getSQLType()} (${column.columnType}) is not supported; use text, integer, real, blob({ mode: "buffer" }), text({ mode: "json" }) or bigint() from selvedge/tables`,
    )
  }
  return {
    key,
    name: columnName(key, column),
    kind,
    unit: kind === "timestamp" && own.mode === "timestamp" ? 1000 : 1,
    nullable: !column.notNull,
    hasDefault: column.hasDefault,
    generated: column.generated !== undefined,
    choices: column.enumValues?.length ? column.enumValues : undefined,
    maxLength: typeof own.length === "number" ? own.length : undefined,
    drizzle: column,
  }
}

/** The name in SQL: as declared, else the key in snake case. */
export function columnName(key: string, column: SQLiteColumn): string {
  return (column as unknown as { keyAsName: boolean }).keyAsName ? toSnakeCase(key) : column.name
}

/** What the column holds when a write leaves it out: a driver value, an SQL expression, or undefined for none. */
export function defaultOf(column: Column): { value: unknown } | { sql: SQL } | undefined {
  const { drizzle } = column
  if (drizzle.defaultFn) return { value: drizzle.defaultFn() }
  if (drizzle.default === undefined) return undefined
  return isSql(drizzle.default) ? { sql: drizzle.default } : { value: drizzle.default }
}

function isSql(value: unknown): value is SQL {
  return typeof value === "object" && value !== null && "queryChunks" in value
}

/** An SQL identifier in quotes. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
