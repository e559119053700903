/** `/v1/admin/users` and `/v1/admin/audit`: accounts, and what happened to them. */

import type { Hono } from "hono"
import * as z from "zod"
import { changeAccount, endAllSessions, MANAGED_COLUMNS, toManagedUser } from "../../auth/administration.ts"
import { normalEmail } from "../../auth/users.ts"
import type { ResultRow } from "../../db/query.ts"
import { admin } from "../admin.ts"
import { userSchema } from "../auth/answers.ts"
import { type AuthService, authContext } from "../auth/service.ts"
import type { AppEnv } from "../context.ts"
import { endpoint } from "../endpoint.ts"
import { pageParameters, pageSchema, readPage } from "../keyset.ts"

// the routes are strict: whoever loses the role, or is banned, would use what is left of a token to undo it

const MOST_ROLES = 50
const role = z.string().regex(/^[\w.:-]{1,50}$/, "is made of letters, digits and _ . : -")
const managedUser = userSchema.extend({ banned: z.boolean() })

const event = z.object({
  id: z.int(),
  at: z.iso.datetime(),
  event: z.string(),
  userId: z.string().nullable(),
  actor: z.string().nullable(),
  ip: z.string().nullable(),
  result: z.enum(["ok", "refused"]),
  detail: z.record(z.string(), z.unknown()).nullable(),
})

export function userAdminRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.get(
    "/v1/admin/users",
    endpoint({
      summary: "List the accounts",
      access: admin,
      strict: true,
      query: z.object({ ...pageParameters, email: z.string().transform(normalEmail).optional() }),
      answer: { status: 200, description: "Newest first", schema: pageSchema(managedUser) },
    }),
    async (c) => {
      const { email, ...query } = c.req.valid("query")
      const { db, records } = c.get("state")
      const listing = {
        from: "_users u",
        ids: "text" as const,
        columns: MANAGED_COLUMNS,
        conditions: [["u.deleted_at IS NULL"], ["u.email = ?", email]] as const,
      }
      return c.json(await readPage(db, listing, query, (row) => toManagedUser(row, records.now())))
    },
  )
  app.patch(
    "/v1/admin/users/:id",
    endpoint({
      summary: "Change an account's roles, or ban it",
      description:
        "A ban ends all its sessions. Roles reach its access tokens with their next refresh, within 10 minutes. The last admin can lose neither.",
      access: admin,
      strict: true,
      body: z.strictObject({ roles: z.array(role).max(MOST_ROLES).optional(), banned: z.boolean().optional() }),
      answer: { status: 200, description: "The account", schema: managedUser },
    }),
    async (c) => {
      const { roles, banned } = c.req.valid("json")
      const change = { roles: roles && [...new Set(roles)], banned }
      return c.json(await changeAccount(authContext(c, service), c.req.param("id"), change))
    },
  )
  app.delete(
    "/v1/admin/users/:id/sessions",
    endpoint({
      summary: "End all sessions of an account",
      access: admin,
      strict: true,
      answer: { status: 204, description: "They have ended" },
    }),
    async (c) => {
      await endAllSessions(authContext(c, service), c.req.param("id"))
      return c.body(null, 204)
    },
  )
  app.get(
    "/v1/admin/audit",
    endpoint({
      summary: "List what happened to accounts",
      access: admin,
      strict: true,
      query: z.object({ ...pageParameters, userId: z.string().optional(), event: z.string().optional() }),
      answer: { status: 200, description: "Newest first", schema: pageSchema(event) },
    }),
    async (c) => {
      const { userId, event, ...query } = c.req.valid("query")
      const listing = {
        from: "_auth_events",
        ids: "integer" as const,
        columns: 'id, at, event, user_id AS "userId", actor, ip, result, detail',
        conditions: [
          ["user_id = ?", userId],
          ["event = ?", event],
        ] as const,
      }
      return c.json(await readPage(c.get("state").db, listing, query, toEvent))
    },
  )
}

function toEvent({ at, detail, ...rest }: ResultRow) {
  return {
    ...rest,
    at: new Date(at as number).toISOString(),
    detail: detail === null ? null : JSON.parse(detail as string),
  }
}
