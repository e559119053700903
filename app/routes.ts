/** What the shop does beyond its collections. */

import { and, eq, gte, sql } from "drizzle-orm"
import { ApplicationError, endpoint, expectRows, type Router, signedIn } from "selvedge"
import { newId } from "selvedge/tables"
import * as z from "zod"
import type { collections } from "./collections.ts"
import { receipt } from "./jobs.ts"
import { CALLBACK_PATH, payment } from "./payments.ts"
import { cart, films, orderItems, orders } from "./schema.ts"

/** Lines of one order. */
const MOST_LINES = 100
const CART_CHANGED = "The cart, or a price in it, has changed meanwhile; look at it again."

const order = z.object({
  id: z.uuid(),
  state: z.literal("pending"),
  totalCents: z.int(),
  items: z.array(z.object({ filmId: z.uuid(), title: z.string(), quantity: z.int(), priceCents: z.int() })),
})

/** Stock goes down, the order comes in, its payment and receipt are queued, and the cart empties: all or nothing. */
const checkout = endpoint({
  summary: "Buy what is in the cart",
  access: signedIn,
  strict: true,
  idempotency: "required",
  body: z.strictObject({
    totalCents: z.int().min(0).optional().describe("What the buyer was shown. Where it is another, nothing is bought."),
  }),
  answer: { status: 201, description: "The order, not yet paid", schema: order },
  problems: ["cart_changed", "cart_empty", "cart_too_large", "out_of_stock"],
})

export function routes(app: Router<typeof collections>) {
  return app.post("/v1/checkout", checkout, async (c) => {
    const { atomic, caller, db, enqueue } = c.var.ctx
    const shown = c.req.valid("json").totalCents
    const lines = await db
      .select({
        id: cart.id,
        quantity: cart.quantity,
        filmId: films.id,
        title: films.title,
        priceCents: films.priceCents,
      })
      .from(cart)
      .innerJoin(films, eq(films.id, cart.filmId))
      .where(eq(cart.userId, caller.id))
      .orderBy(cart.createdAt, cart.id)
      .limit(MOST_LINES + 1)
    if (lines.length === 0) throw new ApplicationError("cart_empty", "There is nothing in the cart.")
    if (lines.length > MOST_LINES) throw new ApplicationError("cart_too_large", `An order takes ${MOST_LINES} lines.`)

    const id = newId()
    const items = lines.map(({ filmId, title, quantity, priceCents }) => ({ filmId, title, quantity, priceCents }))
    const totalCents = items.reduce((sum, item) => sum + item.quantity * item.priceCents, 0)
    if (shown !== undefined && shown !== totalCents) throw new ApplicationError("cart_changed", CART_CHANGED)
    const bought = JSON.stringify(lines.map(({ id, quantity }) => [id, quantity]))
    const body = { id, state: "pending", totalCents, items } as const
    await atomic(
      [
        ...lines.flatMap(({ filmId, title, quantity }) => [
          db
            .update(films)
            .set({ stock: sql`${films.stock} - ${quantity}` })
            .where(and(eq(films.id, filmId), gte(films.stock, quantity))),
          expectRows(1, "out_of_stock", "A film in the cart is sold out.", [
            {
              pointer: `/items/${filmId}`,
              code: "out_of_stock",
              message: `fewer than ${quantity} of "${title}" are left`,
            },
          ]),
        ]),
        db.insert(orders).values({ id, userId: caller.id, totalCents }),
        ...items.map(({ title: _, ...item }) => db.insert(orderItems).values({ orderId: id, ...item })),
        enqueue(payment, { orderId: id, callbackUrl: new URL(CALLBACK_PATH, c.req.url).href }),
        enqueue(receipt, { orderId: id }),
        db
          .delete(cart)
          .where(sql`(${cart.id}, ${cart.quantity}) IN (SELECT value ->> 0, value ->> 1 FROM json_each(${bought}))`),
        expectRows(lines.length, "cart_changed", CART_CHANGED),
      ],
      { status: 201, body },
    )
    return c.json(body, 201)
  })
}
