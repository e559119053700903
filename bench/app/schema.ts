/** The bench's tables: posts and their authors, and a second table of equal posts for what costs more. */

import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core"
import { recordColumns } from "selvedge/tables"

export const authors = sqliteTable("authors", { ...recordColumns(), name: text().notNull() })

export const posts = sqliteTable(
  "posts",
  {
    ...recordColumns(),
    title: text().notNull(),
    body: text().notNull(),
    authorId: text()
      .notNull()
      .references(() => authors.id),
  },
  (t) => [index("posts_by_author").on(t.authorId, t.createdAt, t.id), index("posts_by_creation").on(t.createdAt, t.id)],
)

export const drafts = sqliteTable(
  "drafts",
  {
    ...recordColumns(),
    title: text().notNull(),
    body: text().notNull(),
    hidden: integer({ mode: "boolean" }).notNull().default(false),
    authorId: text()
      .notNull()
      .references(() => authors.id),
  },
  (t) => [
    index("drafts_by_author").on(t.authorId, t.createdAt, t.id),
    index("drafts_by_creation").on(t.createdAt, t.id),
  ],
)
