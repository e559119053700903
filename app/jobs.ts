/** What the shop does after the answer. */

import { and, desc, eq, gte, lt, sql } from "drizzle-orm"
import { JobFailure, job, on, schedule } from "selvedge"
import { users } from "selvedge/tables"
import * as z from "zod"
import { mailStaff, mailUser, money } from "./mail.ts"
import { films, orderItems, orders } from "./schema.ts"

export { payment, paymentOutcome } from "./payments.ts"

/** Copies below which somebody should order more. */
const FEW_COPIES = 3
const BEST_SELLERS = 10

/** Greets an account once its address is confirmed. */
export const welcome = on(
  users,
  ["created", "updated"],
  async ({ id, before, after }, ctx) => {
    if (before?.emailVerified || !after?.emailVerified) return
    await mailUser(ctx, id, "Welcome to the film shop", ["Your address is confirmed. Enjoy the films!"])
  },
  { name: "welcome" },
)

/** Confirms an order to its buyer. The checkout stores it in one batch with the order. */
export const receipt = job("receipt", {
  input: z.object({ orderId: z.uuid() }),
  async run({ orderId }, ctx) {
    const order = await ctx.db.select().from(orders).where(eq(orders.id, orderId)).get()
    if (!order) throw new JobFailure(`there is no order ${orderId}`, { final: true })
    const items = await ctx.db
      .select({ title: films.title, quantity: orderItems.quantity, priceCents: orderItems.priceCents })
      .from(orderItems)
      .innerJoin(films, eq(films.id, orderItems.filmId))
      .where(eq(orderItems.orderId, orderId))
      .orderBy(orderItems.createdAt, orderItems.id)
    await mailUser(ctx, order.userId, `Your order ${orderId}`, [
      "Thank you for your order.",
      "",
      ...items.map(({ title, quantity, priceCents }) => `${quantity} × ${title}: ${money(quantity * priceCents)}`),
      "",
      `Total: ${money(order.totalCents)}`,
    ])
  },
})

/** Tells the buyer of an order that wasn't paid. */
export const orderFailed = on(
  orders,
  ["updated"],
  async ({ id, before, after }, ctx) => {
    if (before!.state === "failed" || after!.state !== "failed") return
    const lines = ["Your payment was declined, so we have cancelled the order. Nothing was charged."]
    await mailUser(ctx, after!.userId, `Your order ${id} was not paid`, lines)
  },
  { name: "order-failed" },
)

/** Tells the staff when a film is about to run out. */
export const lowStock = on(
  films,
  ["updated"],
  async ({ before, after }, ctx) => {
    if (before!.stock < FEW_COPIES || after!.stock >= FEW_COPIES) return
    await mailStaff(ctx, "A film is about to run out", [`${after!.stock} copies of "${after!.title}" are left.`])
  },
  { name: "low-stock" },
)

/** What was sold in the month before, by UTC. */
export const salesReport = schedule("sales-report", {
  cron: "0 6 1 * *",
  timeZone: "Europe/Berlin",
  async run({ scheduledFor }, ctx) {
    const [year, month] = [scheduledFor.getUTCFullYear(), scheduledFor.getUTCMonth()]
    const [from, to] = [new Date(Date.UTC(year, month - 1)), new Date(Date.UTC(year, month))]
    const isSold = and(eq(orders.state, "paid"), gte(orders.createdAt, from), lt(orders.createdAt, to))
    const [sales] = await ctx.db
      .select({ orders: sql<number>`count(*)`, cents: sql<number>`coalesce(sum(${orders.totalCents}), 0)` })
      .from(orders)
      .where(isSold)
    const copies = sql<number>`sum(${orderItems.quantity})`
    const best = await ctx.db
      .select({ title: films.title, copies })
      .from(orderItems)
      .innerJoin(orders, eq(orders.id, orderItems.orderId))
      .innerJoin(films, eq(films.id, orderItems.filmId))
      .where(isSold)
      .groupBy(films.id)
      .orderBy(desc(copies), films.title)
      .limit(BEST_SELLERS)
    await mailStaff(ctx, `Sales of ${from.toISOString().slice(0, 7)}`, [
      `${sales!.orders} orders, ${money(sales!.cents)}`,
      "",
      ...best.map((film) => `${film.copies} × ${film.title}`),
    ])
  },
})
