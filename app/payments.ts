/** How an order is paid: the gateway, the job that asks it for the money, and the webhook that says how that ended. */

import { and, eq, inArray, sql } from "drizzle-orm"
import { type JobContext, JobFailure, job, webhook } from "selvedge"
import * as z from "zod"
import { films, orderItems, orders } from "./schema.ts"

export const CALLBACK_PATH = "/v1/payments/webhook"
const SECRET = "PAYMENTS_WEBHOOK_SECRET"

export interface Charge {
  orderId: string
  amountCents: number
  /** The gateway charges once for a key, however often it is asked. */
  key: string
  /** Where it posts the {@link Outcome}, signed by Standard Webhooks. */
  callbackUrl: string
}

export interface PaymentGateway {
  /** Resolves when the gateway knows of the charge; whether it is paid comes by webhook. */
  charge(charge: Charge): Promise<void>
}

const outcome = z.object({
  type: z.enum(["payment.succeeded", "payment.failed"]),
  data: z.object({ orderId: z.uuid() }),
})
export type Outcome = z.infer<typeof outcome>

export const payment = job("payment", {
  input: z.object({ orderId: z.uuid(), callbackUrl: z.url() }),
  retries: 10,
  async run({ orderId, callbackUrl }, ctx) {
    const order = await ctx.db.select().from(orders).where(eq(orders.id, orderId)).get()
    if (order?.state !== "pending") return
    const gateway = await openGateway(ctx)
    await ctx.once("charge", (key) => gateway.charge({ orderId, amountCents: order.totalCents, key, callbackUrl }))
  },
})

/** The place for a provider of your own. The fake pays with no money, so that it is for a developer's machine alone. */
async function openGateway({ variable, now }: JobContext): Promise<PaymentGateway> {
  if (variable("SELVEDGE_LOCAL") !== "true") throw new Error("there is no payment gateway: name one in app/payments.ts")
  const { fakeGateway } = await import("./fake-gateway.ts")
  return fakeGateway(variable(SECRET) ?? "", now)
}

/**
 * What is pending becomes paid or failed, once: whatever comes later finds it pending no more. Money for an order that has
 * failed becomes a dead letter, for somebody to give it back.
 */
export const paymentOutcome = webhook({
  path: CALLBACK_PATH,
  secret: SECRET,
  scheme: "standard",
  input: outcome,
  async run({ body: { type, data } }, { atomic, db }) {
    const isPending = and(eq(orders.id, data.orderId), eq(orders.state, "pending"))
    if (type === "payment.succeeded") {
      await db.update(orders).set({ state: "paid" }).where(isPending)
      const order = await db.select().from(orders).where(eq(orders.id, data.orderId)).get()
      if (order?.state === "paid") return
      const trouble = `order ${data.orderId} is ${order?.state ?? "unknown"}, but was paid for: give the money back`
      throw new JobFailure(trouble, { final: true })
    }
    const bought = db
      .select({ filmId: orderItems.filmId })
      .from(orderItems)
      .innerJoin(orders, eq(orders.id, orderItems.orderId))
      .where(isPending)
    const copies = sql`(SELECT sum(${orderItems.quantity}) FROM ${orderItems}
      WHERE ${orderItems.orderId} = ${data.orderId} AND ${orderItems.filmId} = ${films.id})`
    await atomic([
      db
        .update(films)
        .set({ stock: sql`${films.stock} + ${copies}` })
        .where(inArray(films.id, bought)),
      db.update(orders).set({ state: "failed" }).where(isPending),
    ])
  },
})
