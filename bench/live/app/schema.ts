/** The live bench's table. */

import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core"
import { recordColumns } from "selvedge/tables"

export const posts = sqliteTable(
  "posts",
  {
    ...recordColumns(),
    /** When the client sent it; microseconds of its machine's clock. */
    sent: integer().notNull(),
    text: text().notNull(),
    authorId: text().notNull(),
  },
  (t) => [index("posts_by_author").on(t.authorId, t.createdAt, t.id), index("posts_by_creation").on(t.createdAt, t.id)],
)
