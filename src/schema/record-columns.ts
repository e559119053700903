import { customType, integer, text } from "drizzle-orm/sqlite-core"
import { newId } from "./record-id.ts"

/**
 * The columns every record has: `id` (UUIDv7 text), `createdAt` and `updatedAt` (milliseconds, UTC), and `version`
 * (1, 2, …), which a trigger moves with every change of the row, whoever made it.
 *
 * @example
 * export const films = sqliteTable("films", { ...recordColumns(), title: text().notNull() })
 */
export function recordColumns() {
  return {
    id: text().primaryKey().$defaultFn(newId),
    createdAt: integer({ mode: "timestamp_ms" })
      .notNull()
      .$defaultFn(() => new Date()),
    updatedAt: integer({ mode: "timestamp_ms" })
      .notNull()
      .$defaultFn(() => new Date()),
    version: integer().notNull().default(1),
  }
}

/** Names of {@link recordColumns}; the server alone writes them, but for `id`, which a client may choose on create. */
export const RECORD_COLUMNS = ["id", "createdAt", "updatedAt", "version"] as const

/**
 * A 64-bit whole number, stored as INTEGER and sent as text. D1 hands integers above 2^53 rounded to its own callers;
 * records carry them whole, raw Drizzle queries don't.
 */
export const bigint = customType<{ data: bigint; driverData: string | number }>({
  dataType: () => "integer",
  fromDriver: (value) => BigInt(value),
  toDriver: (value) => value.toString(),
})
