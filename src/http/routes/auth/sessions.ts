/** `/v1/auth/sessions`: where a user is signed in, and how to end it. */

import type { Hono } from "hono"
import * as z from "zod"
import { signedIn } from "../../../access/rules.ts"
import { endOtherSessions, endOwnSession, listSessions } from "../../../auth/own-sessions.ts"
import { clearCookie } from "../../auth/answers.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const sessionsSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      current: z.boolean(),
      aal: z.union([z.literal(1), z.literal(2)]),
      amr: z.array(z.string()),
      ip: z.string().nullable(),
      userAgent: z.string().nullable(),
      device: z.string(),
      place: z.string().nullable(),
      createdAt: z.iso.datetime(),
      lastUsedAt: z.iso.datetime(),
      expiresAt: z.iso.datetime(),
    }),
  ),
})

const listEndpoint = endpoint({
  summary: "List the sessions of the own account",
  description: "Those that stand, newest first, at most 100. `lastUsedAt` moves with each refresh.",
  access: signedIn,
  answer: { status: 200, description: "The sessions", schema: sessionsSchema },
})

const endEndpoint = endpoint({
  summary: "End one of the own sessions",
  description:
    "It can't be refreshed any more; its access token lives on for at most 10 minutes, and not on strict routes.",
  access: signedIn,
  answer: { status: 204, description: "It has ended" },
})

const endOthersEndpoint = endpoint({
  summary: "End all own sessions but this one",
  access: signedIn,
  answer: { status: 204, description: "They have ended" },
})

export function ownSessionRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.get("/v1/auth/sessions", listEndpoint, async (c) =>
    c.json({ data: await listSessions(authContext(c, service)) }, 200),
  )
  app.delete("/v1/auth/sessions/:id", endEndpoint, async (c) => {
    const context = authContext(c, service)
    const id = c.req.param("id")
    await endOwnSession(context, id)
    if (id === context.caller.session?.id) clearCookie(c)
    return c.body(null, 204)
  })
  app.delete("/v1/auth/sessions", endOthersEndpoint, async (c) => {
    await endOtherSessions(authContext(c, service))
    return c.body(null, 204)
  })
}
