/** What teenybase serves: two tables that everybody reads, and posts that users write. */

import { $Database, teenyHono } from "teenybase/worker"

const SECRET = "a secret for the bench, with more than 32 characters"

const text = (name, more) => ({ name, type: "text", sqlType: "text", ...more })
const time = (name, usage) => ({ name, type: "date", sqlType: "timestamp", usage, notNull: true, noInsert: true })

const record = [
  text("id", { usage: "record_uid", primary: true, notNull: true, noUpdate: true }),
  time("created", "record_created"),
  time("updated", "record_updated"),
]
const rules = {
  name: "rules",
  listRule: "true",
  viewRule: "true",
  createRule: null,
  updateRule: null,
  deleteRule: null,
}

const authors = {
  name: "authors",
  autoSetUid: true,
  fields: [...record, text("name", { notNull: true })],
  extensions: [rules],
}

const posts = {
  name: "posts",
  autoSetUid: true,
  fields: [
    ...record,
    text("title", { notNull: true }),
    text("body", { notNull: true }),
    text("author_id", { type: "relation", notNull: true, foreignKey: { table: "authors", column: "id" } }),
  ],
  extensions: [{ ...rules, createRule: "auth.uid != null" }],
}

/** Whose tokens are taken. */
const users = {
  name: "users",
  autoSetUid: true,
  fields: [
    ...record,
    text("username", { usage: "auth_username", notNull: true, unique: true }),
    text("email", { usage: "auth_email", notNull: true, unique: true }),
    text("password", { usage: "auth_password", notNull: true, noSelect: true }),
    text("password_salt", { usage: "auth_password_salt", notNull: true, noSelect: true }),
    text("name", { usage: "auth_name", notNull: true }),
  ],
  extensions: [
    { name: "auth", jwtSecret: SECRET, jwtTokenDuration: 3600, maxTokenRefresh: 0, passwordType: "sha256" },
    { ...rules, listRule: null, viewRule: null },
  ],
}

const settings = { tables: [users, authors, posts], jwtSecret: SECRET, appUrl: "https://bench.example" }

export default teenyHono(async (c) => new $Database(c, settings, c.env.DB))
