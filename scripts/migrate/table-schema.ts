/** A table as the migrations leave it: all that its SQL says, in a form that can be stored and compared. */

import type { Trigger } from "../../src/schema/triggers.ts"

export interface ColumnSchema {
  name: string
  type: string
  notNull: boolean
  primaryKey: boolean
  autoincrement: boolean
  /** SQL text. */
  default: string | null
  generated: { as: string; stored: boolean } | null
  /** Whether a check keeps everything but JSON out. */
  json: boolean
}

export interface ForeignKey {
  columns: string[]
  table: string
  target: string[]
  onDelete: string
  onUpdate: string
}

export interface IndexSchema {
  name: string
  unique: boolean
  /** Column names, and expressions as SQL text. */
  keys: string[]
  where: string | null
}

export interface TableSchema {
  name: string
  columns: ColumnSchema[]
  /** Empty unless it spans several columns. */
  primaryKey: string[]
  foreignKeys: ForeignKey[]
  checks: { name: string; sql: string }[]
  indexes: IndexSchema[]
  triggers: Trigger[]
  search: { name: string; create: string; rebuild: string } | null
}

/** What the migrations written so far amount to. */
export interface Snapshot {
  tables: TableSchema[]
  /** Statements for what isn't a table, in force. */
  objects: string[]
}

export const EMPTY: Snapshot = { tables: [], objects: [] }

export function columnOf(table: TableSchema, name: string): ColumnSchema | undefined {
  return table.columns.find((column) => column.name === name)
}

export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** The text with its strings left as they are and the rest replaced part by part. */
export function outsideStrings(sql: string, replace: (part: string) => string): string {
  return sql
    .split(/('(?:[^']|'')*')/)
    .map((part, i) => (i % 2 ? part : replace(part)))
    .join("")
}
