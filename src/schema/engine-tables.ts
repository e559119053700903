/** The engine's own tables. Their SQL names begin with `_`. */

import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core"
import { recordColumns } from "./record-columns.ts"

/** Accounts. An application may refer to `users.id` and name fields of it in a relation. */
export const users = sqliteTable("_users", {
  ...recordColumns(),
  email: text().unique(),
  name: text(),
  roles: text({ mode: "json" }).$type<string[]>().notNull().default([]),
})

/** Facts about this database; `epoch` names its history, and a restored database gets a new one. */
export const meta = sqliteTable("_meta", { key: text().primaryKey(), value: text().notNull() })

/** Every committed change of a row, in commit order. Triggers write it, nobody else. */
export const changes = sqliteTable(
  "_changes",
  {
    seq: integer().primaryKey({ autoIncrement: true }),
    tableName: text().notNull(),
    recordId: text().notNull(),
    op: text({ enum: ["insert", "update", "delete"] }).notNull(),
    before: text(),
    after: text(),
    at: integer().notNull(),
  },
  (t) => [index("_changes_at").on(t.at)],
)

/** Answers of writes that carried an `Idempotency-Key`, kept 24 hours. */
export const idempotency = sqliteTable(
  "_idempotency",
  {
    scope: text().notNull(),
    key: text().notNull(),
    fingerprint: text().notNull(),
    status: integer(),
    body: text(),
    createdAt: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.scope, t.key] }), index("_idempotency_created").on(t.createdAt)],
)

/** ES256 keys that sign access tokens; the private part is encrypted with AES-GCM under the Worker's secret. */
export const signingKeys = sqliteTable("_signing_keys", {
  kid: text().primaryKey(),
  alg: text().notNull(),
  publicJwk: text().notNull(),
  privateJwk: text().notNull(),
  signsFrom: integer().notNull(),
  retiredAt: integer(),
})

/** All of them, in the order in which they are created. */
export const engineTables = { users, meta, changes, idempotency, signingKeys }
