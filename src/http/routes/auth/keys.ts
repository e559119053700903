/** `/v1/auth/keys` and `/v1/admin/keys`: keys of users, and keys of the service. */

import type { Context, Hono } from "hono"
import * as z from "zod"
import type { Collections } from "../../../access/model.ts"
import { signedIn } from "../../../access/rules.ts"
import type { AuthContext } from "../../../auth/context.ts"
import { requireSession } from "../../../auth/fresh.ts"
import { type KeyOwner, listKeys, makeKey, revokeKey } from "../../../auth/key-flows.ts"
import { SelvedgeError, validationFailed } from "../../../core/problem.ts"
import { admin } from "../../admin.ts"
import { name } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const MOST_SCOPES = 200
const ACTIONS = ["read", "create", "update", "delete"]

const expiresAt = z.iso
  .datetime({ offset: true })
  .nullable()
  .default(null)
  .describe("When the key ends by itself; never unless told.")
const scopes = z
  .array(z.string())
  .min(1)
  .max(MOST_SCOPES)
  .describe("`collection:read`, `create`, `update` or `delete`, or `admin` for an admin.")

const view = z.object({
  id: z.uuid(),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.string()),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  lastUsedAt: z.iso.datetime().nullable(),
})
const made = view.extend({ key: z.string().describe("The key; it is shown this once.") })
const listed = z.object({ data: z.array(view) })

/** @param collections Scopes name them. */
export function keyRoutes(app: Hono<AppEnv>, service: AuthService, collections: Collections): void {
  const own = (context: AuthContext): KeyOwner => ({ kind: "api", userId: context.caller.id })
  app.get(
    "/v1/auth/keys",
    endpoint({
      summary: "List your API keys",
      access: signedIn,
      answer: { status: 200, description: "Newest first", schema: listed },
    }),
    async (c) => {
      const context = ofSession(c, service)
      return c.json({ data: await listKeys(context, own(context)) })
    },
  )
  app.post(
    "/v1/auth/keys",
    endpoint({
      summary: "Make an API key",
      description:
        "It acts as you, on the collections and actions that its scopes name, and nowhere else. Needs a sign-in within the last 10 minutes.",
      access: signedIn,
      body: z.strictObject({ name, scopes, expiresAt }),
      answer: { status: 201, description: "The key, shown this once", schema: made },
    }),
    async (c) => {
      const context = ofSession(c, service)
      const { name, scopes, expiresAt } = c.req.valid("json")
      checkScopes(scopes, collections, context)
      const order = { name, scopes: [...new Set(scopes)], expiresAt: toTime(expiresAt) }
      return c.json(await makeKey(context, own(context), order), 201)
    },
  )
  app.delete(
    "/v1/auth/keys/:id",
    endpoint({
      summary: "Revoke an API key",
      description: "It is refused everywhere within 30 seconds.",
      access: signedIn,
      answer: { status: 204, description: "It is revoked" },
    }),
    async (c) => {
      const context = ofSession(c, service)
      await revokeKey(context, own(context), c.req.param("id"))
      return c.body(null, 204)
    },
  )
}

const SERVICE_KEYS: KeyOwner = { kind: "service" }

export function serviceKeyRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.get(
    "/v1/admin/keys",
    endpoint({
      summary: "List the service keys",
      access: admin,
      strict: true,
      answer: { status: 200, description: "Newest first", schema: listed },
    }),
    async (c) => c.json({ data: await listKeys(authContext(c, service), SERVICE_KEYS) }),
  )
  app.post(
    "/v1/admin/keys",
    endpoint({
      summary: "Make a service key",
      description:
        "It acts as the service: no access rule binds it. Only an admin's own session can make one, within 10 minutes of its sign-in.",
      access: admin,
      strict: true,
      body: z.strictObject({ name, expiresAt }),
      answer: { status: 201, description: "The key, shown this once", schema: made },
    }),
    async (c) => {
      const { name, expiresAt } = c.req.valid("json")
      const order = { name, scopes: [], expiresAt: toTime(expiresAt) }
      return c.json(await makeKey(ofSession(c, service), SERVICE_KEYS, order), 201)
    },
  )
  app.delete(
    "/v1/admin/keys/:id",
    endpoint({
      summary: "Revoke a service key",
      access: admin,
      strict: true,
      answer: { status: 204, description: "It is revoked" },
    }),
    async (c) => {
      await revokeKey(ofSession(c, service), SERVICE_KEYS, c.req.param("id"))
      return c.body(null, 204)
    },
  )
}

/** Keys make and revoke no keys: that takes a session. */
function ofSession(c: Context<AppEnv>, service: AuthService): AuthContext {
  const context = authContext(c, service)
  if (context.caller.scopes) throw new SelvedgeError("forbidden", "Keys are made and revoked by a session only.")
  requireSession(context)
  return context
}

function checkScopes(scopes: readonly string[], collections: Collections, { caller }: AuthContext): void {
  const wrong = scopes.flatMap((scope, index) => {
    const [collection = "", action = "", ...more] = scope.split(":")
    const isKnown =
      scope === "admin"
        ? caller.roles.includes("admin")
        : collections.has(collection) && ACTIONS.includes(action) && more.length === 0
    return isKnown
      ? []
      : [{ pointer: `/scopes/${index}`, code: "invalid_value", message: "is no scope that you may give" }]
  })
  if (wrong.length > 0) throw validationFailed(wrong)
}

function toTime(text: string | null): number | null {
  return text === null ? null : Date.parse(text)
}
