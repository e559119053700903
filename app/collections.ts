/** What of the shop is exposed, and to whom. */

import { anyOf, anyone, type Caller, collection, many, nobody, one, owner, role, signedIn } from "selvedge"
import { users } from "selvedge/tables"
import * as z from "zod"
import * as tables from "./schema.ts"

const staff = role("staff", "admin")

/** A review that staff has hidden is there for staff and its author only. */
const visibleReviews = (caller: Caller) => staff(caller) || { or: [{ hidden: false }, { authorId: caller.id }] }

export const collections = {
  films: collection(tables.films, {
    access: { read: anyone, create: staff, update: staff, delete: staff },
    cache: { maxAge: 60 },
    live: true,
    relations: { director: one(tables.directors), reviews: many(tables.reviews) },
    sorts: ["-rating,title", "title", "-year,title", "priceCents,title", "-createdAt"],
    search: ["title"],
    input: {
      title: () => z.string().trim().min(1).max(300),
      year: () => z.int().min(1870).max(2200),
      rating: () => z.number().min(0).max(10),
      priceCents: () => z.int().min(0),
      stock: () => z.int().min(0),
    },
  }),
  directors: collection(tables.directors, {
    access: { read: anyone, create: staff, update: staff, delete: staff },
    cache: { maxAge: 60 },
    relations: { films: many(tables.films) },
    sorts: ["name"],
    search: ["name"],
    input: { name: () => z.string().trim().min(1).max(200) },
  }),
  reviews: collection(tables.reviews, {
    access: {
      read: visibleReviews,
      create: signedIn,
      update: anyOf(owner("authorId"), staff),
      delete: anyOf(owner("authorId"), role("moderator", "admin")),
    },
    fields: { hidden: { write: staff }, filmId: { immutable: true } },
    stamp: { authorId: (caller) => caller.id },
    relations: { film: one(tables.films), author: one(users, { fields: ["id", "name"] }) },
    sorts: ["-createdAt"],
    input: { stars: () => z.int().min(1).max(5), body: () => z.string().max(5_000) },
    live: true,
  }),
  cart: collection(tables.cart, {
    access: { read: owner("userId"), create: signedIn, update: owner("userId"), delete: owner("userId") },
    fields: { filmId: { immutable: true } },
    stamp: { userId: (caller) => caller.id },
    relations: { film: one(tables.films) },
    sorts: ["-createdAt"],
    input: { quantity: () => z.int().min(1).max(99) },
    live: true,
  }),
  orders: collection(tables.orders, {
    access: { read: anyOf(owner("userId"), staff), create: nobody },
    relations: { items: many(tables.orderItems) },
    sorts: ["-createdAt"],
    live: true,
  }),
  orderItems: collection(tables.orderItems, {
    access: { read: (caller) => staff(caller) || { order: { userId: caller.id } }, create: nobody },
    relations: { order: one(tables.orders), film: one(tables.films) },
    sorts: ["-createdAt"],
  }),
}
