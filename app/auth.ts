/** How the shop's customers sign in. */

import { and, eq, inArray, notInArray, sql } from "drizzle-orm"
import { alias } from "drizzle-orm/sqlite-core"
import { type AuthOptions, github, google, openid } from "selvedge"
import { cart } from "./schema.ts"

/** Of one film in a cart, as in `collections.ts`. */
const MOST_COPIES = 99

export const auth: AuthOptions = {
  name: "The film shop",
  password: { minLength: 8 },
  emailCode: true,
  emailLink: true,
  anonymous: true,
  passkeys: {},
  /** Each is on where the Worker has its secrets, such as GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET. */
  providers: { google: google(), github: github(), oidc: openid() },
  totp: true,
  apiKeys: true,

  /** The cart of a visitor moves to the account that they sign in to; a film in both is there as often as in both. */
  merge(from, to, db) {
    const theirs = alias(cart, "theirs")
    const filmsOf = (userId: string) =>
      db.select({ filmId: theirs.filmId }).from(theirs).where(eq(theirs.userId, userId))
    const visitors = sql`(SELECT ${theirs.quantity} FROM ${cart} AS theirs
      WHERE ${theirs.userId} = ${from} AND ${theirs.filmId} = ${cart.filmId})`
    return [
      db
        .update(cart)
        .set({ quantity: sql`min(${MOST_COPIES}, ${cart.quantity} + ${visitors})` })
        .where(and(eq(cart.userId, to), inArray(cart.filmId, filmsOf(from)))),
      db
        .update(cart)
        .set({ userId: to })
        .where(and(eq(cart.userId, from), notInArray(cart.filmId, filmsOf(to)))),
      db.delete(cart).where(eq(cart.userId, from)),
    ]
  },

  /** Orders and reviews stay, and name nobody; the cart goes. */
  onDelete: (userId, db) => [db.delete(cart).where(eq(cart.userId, userId))],
}
