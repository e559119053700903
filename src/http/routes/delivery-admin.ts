/** `/v1/admin/deliveries`: what was sent to webhooks, and what they answered. */

import type { Context, Hono } from "hono"
import * as z from "zod"
import { DELIVERY_COLUMNS, DELIVERY_STATE, toDelivery } from "../../webhooks/delivery.ts"
import { getDelivery, type OutboxContext, redeliver } from "../../webhooks/outbox.ts"
import { admin } from "../admin.ts"
import type { AppEnv } from "../context.ts"
import { endpoint } from "../endpoint.ts"
import { pageParameters, pageSchema, readPage } from "../keyset.ts"

const state = z.enum(["pending", "succeeded", "failed"])

export const delivery = z.object({
  id: z.uuid().describe("Also the message's `webhook-id`."),
  webhookId: z.uuid(),
  event: z.string(),
  state,
  attempts: z.array(
    z.object({
      at: z.iso.datetime(),
      status: z.int().nullable().describe("Null when there was no answer."),
      durationMs: z.number(),
      response: z.string().nullable().describe("The beginning of the answer, without what looks secret."),
      error: z.string().optional(),
    }),
  ),
  nextAt: z.iso.datetime().nullable().describe("Of the next attempt."),
  createdAt: z.iso.datetime(),
})
const withRequest = delivery.extend({
  request: z.object({ method: z.literal("POST"), url: z.string(), body: z.unknown() }),
})
const access = { access: admin, strict: true }

export function deliveryAdminRoutes(app: Hono<AppEnv>, outbox: (c: Context<AppEnv>) => OutboxContext): void {
  app.get(
    "/v1/admin/deliveries",
    endpoint({
      ...access,
      summary: "List the deliveries of webhooks",
      description: "Newest first. They are kept for 30 days.",
      query: z.object({ ...pageParameters, webhookId: z.string().optional(), state: state.optional() }),
      answer: { status: 200, description: "The deliveries", schema: pageSchema(delivery) },
    }),
    async (c) => {
      const { webhookId, state, ...query } = c.req.valid("query")
      const listing = {
        from: "_deliveries d",
        ids: "text" as const,
        columns: DELIVERY_COLUMNS,
        conditions: [
          ["d.webhook_id = ?", webhookId],
          [`${DELIVERY_STATE} = ?`, state],
        ] as const,
      }
      return c.json(await readPage(c.get("state").db, listing, query, toDelivery))
    },
  )
  app.get(
    "/v1/admin/deliveries/:id",
    endpoint({
      ...access,
      summary: "Read a delivery with its request",
      answer: { status: 200, description: "The delivery", schema: withRequest },
    }),
    async (c) => c.json(await getDelivery(outbox(c), c.req.param("id"))),
  )
  app.post(
    "/v1/admin/deliveries/:id/redeliver",
    endpoint({
      ...access,
      summary: "Send a delivery again",
      description: "The same message under the same id, out of any order. It must have ended.",
      answer: { status: 200, description: "The delivery", schema: delivery },
    }),
    async (c) => c.json(await redeliver(outbox(c), c.req.param("id"))),
  )
}
