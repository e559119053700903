/** Tables with every kind of column, for lists that a client keeps. */

import { integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core"
import { bigint, recordColumns } from "selvedge/tables"

export const boxes = sqliteTable("boxes", { ...recordColumns(), name: text().notNull() })

export const items = sqliteTable("items", {
  ...recordColumns(),
  title: text().notNull(),
  rank: integer(),
  score: real(),
  done: integer({ mode: "boolean" }).notNull().default(false),
  dueAt: integer({ mode: "timestamp_ms" }),
  seenAt: integer({ mode: "timestamp" }),
  big: bigint(),
  tags: text({ mode: "json" }).$type<(string | number | boolean)[]>(),
  mood: text({ enum: ["good", "bad"] }),
  code: text().unique(),
  boxId: text().references(() => boxes.id, { onDelete: "cascade" }),
})

export const papers = sqliteTable("papers", { ...recordColumns(), title: text().notNull(), rank: integer() })
