/** `/v1/admin/webhooks`: who outside is told of changes. */

import type { Context, Hono } from "hono"
import * as z from "zod"
import { createDispatcher } from "../../jobs/dispatch.ts"
import { type OutboxContext, sendTest } from "../../webhooks/outbox.ts"
import {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  getWebhook,
  type RegistryContext,
  rotateWebhook,
} from "../../webhooks/registry.ts"
import { toWebhook, WEBHOOK_COLUMNS } from "../../webhooks/webhook.ts"
import type { AdminOptions } from "../admin/options.ts"
import { admin } from "../admin.ts"
import type { AppEnv } from "../context.ts"
import { endpoint } from "../endpoint.ts"
import { pageParameters, pageSchema, readPage } from "../keyset.ts"
import { delivery, deliveryAdminRoutes } from "./delivery-admin.ts"

const MOST_EVENTS = 100

const url = z.string().describe("`https` only, at an address of the open internet; the name is not resolved.")
const events = z
  .array(z.string())
  .min(1)
  .max(MOST_EVENTS)
  .describe("Such as `reviews.created`, `.updated`, `.deleted`.")
const filter = z.record(z.string(), z.unknown()).nullable()
const ordered = z.boolean().describe("Whether those of one record come one after the other, in order.")

const webhook = z.object({
  id: z.uuid(),
  url,
  events,
  filter: filter.describe("Over the fields that everybody may read who may read the record."),
  ordered,
  enabled: z.boolean(),
  disabledFor: z.enum(["gone", "failing", "paused"]).nullable(),
  failingSince: z.iso.datetime().nullable().describe("Since when nothing has got through."),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
})
const withSecret = webhook.extend({ secret: z.string().describe("Shown this once; signs every call.") })
const access = { access: admin, strict: true }

export function webhookAdminRoutes(app: Hono<AppEnv>, options: AdminOptions): void {
  const registry = (c: Context<AppEnv>) => registryContext(c, options)
  app.get(
    "/v1/admin/webhooks",
    endpoint({
      ...access,
      summary: "List the webhooks",
      query: z.object(pageParameters),
      answer: { status: 200, description: "Newest first", schema: pageSchema(webhook) },
    }),
    async (c) => {
      const listing = { from: "_webhooks", ids: "text" as const, columns: WEBHOOK_COLUMNS, conditions: [] }
      return c.json(await readPage(c.get("state").db, listing, c.req.valid("query"), toWebhook))
    },
  )
  app.post(
    "/v1/admin/webhooks",
    endpoint({
      ...access,
      summary: "Register a webhook",
      body: z.strictObject({ url, events, filter: filter.default(null), ordered: ordered.default(false) }),
      answer: { status: 201, description: "The webhook, with its secret", schema: withSecret },
    }),
    async (c) => {
      const { caller } = c.get("state")
      const made = await createWebhook(registry(c), c.req.valid("json"), caller.kind === "user" ? caller.id : null)
      return c.json(made, 201, { Location: `/v1/admin/webhooks/${made.id}` })
    },
  )
  app.get(
    "/v1/admin/webhooks/:id",
    endpoint({
      ...access,
      summary: "Read a webhook",
      answer: { status: 200, description: "The webhook", schema: webhook },
    }),
    async (c) => c.json(await getWebhook(registry(c), c.req.param("id"))),
  )
  app.patch(
    "/v1/admin/webhooks/:id",
    endpoint({
      ...access,
      summary: "Change, pause or enable a webhook",
      description: "A pause ends the deliveries that wait. What changes meanwhile is not delivered later.",
      body: z.strictObject({ url, events, filter, ordered, enabled: z.boolean() }).partial(),
      answer: { status: 200, description: "The webhook", schema: webhook },
    }),
    async (c) => {
      const given = Object.entries(c.req.valid("json")).filter(([, value]) => value !== undefined)
      return c.json(await changeWebhook(registry(c), c.req.param("id"), Object.fromEntries(given)))
    },
  )
  app.delete(
    "/v1/admin/webhooks/:id",
    endpoint({
      ...access,
      summary: "Remove a webhook and its deliveries",
      answer: { status: 204, description: "It is gone" },
    }),
    async (c) => {
      await deleteWebhook(registry(c), c.req.param("id"))
      return c.body(null, 204)
    },
  )
  app.post(
    "/v1/admin/webhooks/:id/rotate",
    endpoint({
      ...access,
      summary: "Give a webhook a new secret",
      description: "For 24 hours the old secret signs beside the new one.",
      answer: { status: 200, description: "The webhook, with its new secret", schema: withSecret },
    }),
    async (c) => c.json(await rotateWebhook(registry(c), c.req.param("id"))),
  )
  app.post(
    "/v1/admin/webhooks/:id/test",
    endpoint({
      ...access,
      summary: "Send a test event",
      answer: { status: 202, description: "Its delivery", schema: delivery },
    }),
    async (c) => c.json(await sendTest(outboxContext(c, options), c.req.param("id")), 202),
  )
  deliveryAdminRoutes(app, (c) => outboxContext(c, options))
}

function registryContext(c: Context<AppEnv>, { backend, secrets, isLocal }: AdminOptions): RegistryContext {
  const { db, records } = c.get("state")
  const { protocol, origin } = new URL(c.req.url)
  const named = `${protocol}//${c.req.header("Host")}`
  const own = [origin, named, backend.auth?.url].filter((text) => text !== undefined && URL.canParse(text))
  return {
    db,
    collections: backend.collections,
    secrets,
    rules: { isLocal, own: own as string[] },
    now: records.now(),
  }
}

function outboxContext(c: Context<AppEnv>, { jobs }: AdminOptions): OutboxContext {
  const { db, records } = c.get("state")
  const { committed } = createDispatcher({ ...jobs, later: (work) => c.executionCtx.waitUntil(work) })
  return { db, now: records.now(), committed }
}
