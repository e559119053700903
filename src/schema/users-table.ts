/** The one engine table that an application refers to; the others stay out of the Worker, which asks them in plain SQL. */

import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core"
import { recordColumns } from "./record-columns.ts"

/** Accounts. An application may refer to `users.id` and name fields of it in a relation. */
export const users = sqliteTable("_users", {
  ...recordColumns(),
  email: text().unique(),
  emailVerified: integer({ mode: "boolean" }).notNull().default(false),
  name: text(),
  roles: text({ mode: "json" }).$type<string[]>().notNull().default([]),
  isAnonymous: integer({ mode: "boolean" }).notNull().default(false),
  /** Whether a first factor alone is not enough. */
  mfa: integer({ mode: "boolean" }).notNull().default(false),
  bannedUntil: integer({ mode: "timestamp_ms" }),
  /** A deleted account keeps its row without anything personal, so that what refers to it stays whole. */
  deletedAt: integer({ mode: "timestamp_ms" }),
})
