/** Tables behind live queries of both kinds: with owners, flags, relations, and a column of each form of value. */

import { index, integer, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core"
import { bigint, recordColumns, users } from "selvedge/tables"

export const films = sqliteTable(
  "films",
  {
    ...recordColumns(),
    title: text().notNull(),
    genre: text(),
    rating: real(),
    stock: integer().notNull().default(0),
    showing: integer({ mode: "boolean" }).notNull().default(false),
    releasedAt: integer({ mode: "timestamp_ms" }),
    tags: text({ mode: "json" }).$type<string[]>(),
    views: bigint(),
    margin: text(),
  },
  (t) => [index("films_by_title").on(t.title, t.id), index("films_by_stock").on(t.stock, t.id)],
)

export const reviews = sqliteTable("reviews", {
  ...recordColumns(),
  filmId: text()
    .notNull()
    .references(() => films.id, { onDelete: "cascade" }),
  authorId: text().references(() => users.id),
  body: text(),
  hidden: integer({ mode: "boolean" }).notNull().default(false),
})

export const drafts = sqliteTable("drafts", { ...recordColumns(), ownerId: text().notNull(), text: text() })

export const projects = sqliteTable("projects", {
  ...recordColumns(),
  name: text().notNull(),
  open: integer({ mode: "boolean" }).notNull().default(false),
})

export const members = sqliteTable(
  "members",
  {
    ...recordColumns(),
    projectId: text()
      .notNull()
      .references(() => projects.id, { onDelete: "cascade" }),
    userId: text().notNull(),
  },
  (t) => [uniqueIndex("members_once").on(t.projectId, t.userId)],
)

export const tasks = sqliteTable("tasks", {
  ...recordColumns(),
  projectId: text().references(() => projects.id, { onDelete: "set null" }),
  title: text().notNull(),
})

export const prices = sqliteTable("prices", { ...recordColumns(), name: text().notNull(), cents: integer().notNull() })

export const notices = sqliteTable("notices", { ...recordColumns(), text: text() })

export const boards = sqliteTable("boards", {
  ...recordColumns(),
  name: text().notNull(),
  open: integer({ mode: "boolean" }).notNull().default(false),
})

export const cards = sqliteTable("cards", {
  ...recordColumns(),
  boardId: text().references(() => boards.id, { onDelete: "set null" }),
  title: text(),
  rank: integer(),
  done: integer({ mode: "boolean" }).notNull().default(false),
  tags: text({ mode: "json" }).$type<string[]>(),
  secret: text(),
  ownerId: text(),
})
