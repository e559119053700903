/** The shop's tables. */

import { desc, sql } from "drizzle-orm"
import { check, index, integer, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core"
import { recordColumns, users } from "selvedge/tables"

export const directors = sqliteTable("directors", { ...recordColumns(), name: text().notNull().unique() })

export const films = sqliteTable(
  "films",
  {
    ...recordColumns(),
    title: text().notNull(),
    year: integer(),
    releasedOn: text(),
    genre: text(),
    creativeType: text(),
    source: text(),
    distributor: text(),
    mpaaRating: text(),
    runningMinutes: integer(),
    rating: real(),
    votes: integer(),
    tomatoes: integer(),
    budget: integer(),
    worldwideGross: integer(),
    usGross: integer(),
    dvdSales: integer(),
    directorId: text().references(() => directors.id),
    priceCents: integer().notNull(),
    stock: integer().notNull(),
  },
  (t) => [
    index("films_by_rating").on(desc(t.rating), t.title, t.id),
    index("films_by_title").on(t.title, t.id),
    index("films_by_year").on(desc(t.year), t.title, t.id),
    index("films_by_price").on(t.priceCents, t.title, t.id),
    index("films_by_creation").on(t.createdAt, t.id),
    index("films_by_genre").on(t.genre, desc(t.rating), t.title, t.id),
    index("films_by_director").on(t.directorId, t.createdAt, t.id),
    check("price_not_negative", sql`${t.priceCents} >= 0`),
    check("stock_left", sql`${t.stock} >= 0`),
  ],
)

export const reviews = sqliteTable(
  "reviews",
  {
    ...recordColumns(),
    filmId: text()
      .notNull()
      .references(() => films.id, { onDelete: "cascade" }),
    authorId: text()
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    stars: integer().notNull(),
    body: text().notNull().default(""),
    hidden: integer({ mode: "boolean" }).notNull().default(false),
  },
  (t) => [
    uniqueIndex("reviews_one_per_author").on(t.filmId, t.authorId),
    index("reviews_by_film").on(t.filmId, t.createdAt, t.id),
    index("reviews_by_author").on(t.authorId, t.createdAt, t.id),
    index("reviews_by_creation").on(t.createdAt, t.id),
    check("one_to_five_stars", sql`${t.stars} between 1 and 5`),
  ],
)

export const cart = sqliteTable(
  "cart",
  {
    ...recordColumns(),
    userId: text()
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    filmId: text()
      .notNull()
      .references(() => films.id, { onDelete: "cascade" }),
    quantity: integer().notNull(),
  },
  (t) => [
    uniqueIndex("cart_one_line_per_film").on(t.userId, t.filmId),
    index("cart_by_user").on(t.userId, t.createdAt, t.id),
    index("cart_by_film").on(t.filmId),
    check("at_least_one", sql`${t.quantity} > 0`),
  ],
)

export const orders = sqliteTable(
  "orders",
  {
    ...recordColumns(),
    userId: text()
      .notNull()
      .references(() => users.id),
    state: text({ enum: ["pending", "paid", "failed"] })
      .notNull()
      .default("pending"),
    totalCents: integer().notNull(),
  },
  (t) => [index("orders_by_user").on(t.userId, t.createdAt, t.id), index("orders_by_creation").on(t.createdAt, t.id)],
)

export const orderItems = sqliteTable(
  "order_items",
  {
    ...recordColumns(),
    orderId: text()
      .notNull()
      .references(() => orders.id, { onDelete: "cascade" }),
    filmId: text()
      .notNull()
      .references(() => films.id),
    quantity: integer().notNull(),
    priceCents: integer().notNull(),
  },
  (t) => [
    index("order_items_by_order").on(t.orderId, t.createdAt, t.id),
    index("order_items_by_film").on(t.filmId),
    index("order_items_by_creation").on(t.createdAt, t.id),
  ],
)
