/** `/v1/auth/refresh`, `/v1/auth/sign-out` and `/v1/auth/anonymous`: the life of a session. */

import type { Context, Hono } from "hono"
import * as z from "zod"
import { anyone } from "../../../access/rules.ts"
import { refused } from "../../../access/visibility.ts"
import type { AuthContext } from "../../../auth/context.ts"
import { eventQuery } from "../../../auth/events.ts"
import { endSession, readRefreshToken, refreshSession } from "../../../auth/sessions.ts"
import { signUpAnonymously } from "../../../auth/sign-up.ts"
import { SelvedgeError } from "../../../core/problem.ts"
import { answerSignedIn, clearCookie, cookieQuery, readCookie, sessionSchema } from "../../auth/answers.ts"
import { secret } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const refreshBody = z.strictObject({ refreshToken: secret.optional() }).optional()

const refreshEndpoint = endpoint({
  summary: "Exchange a refresh token for a new session",
  description:
    "Each refresh token is used once. Send an Idempotency-Key with it: within 60 seconds the same key gets the same successor again, so that a lost answer signs nobody out. Any older token ends the session.",
  access: anyone,
  body: refreshBody,
  query: cookieQuery,
  answer: { status: 200, description: "The session with its new refresh token", schema: sessionSchema },
})

const signOutEndpoint = endpoint({
  summary: "End the session",
  description: "The session of the access token, or that of the refresh token in the body or the cookie.",
  access: anyone,
  body: refreshBody,
  answer: { status: 204, description: "It has ended" },
})

const anonymousEndpoint = endpoint({
  summary: "Make an account without credentials",
  access: anyone,
  query: cookieQuery,
  answer: { status: 201, description: "The session", schema: sessionSchema },
})

export function sessionRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.post("/v1/auth/refresh", refreshEndpoint, async (c) => {
    const context = authContext(c, service)
    const inBody = c.req.valid("json")?.refreshToken
    const given = inBody ?? readCookie(c, service.origins)
    if (!given) throw new SelvedgeError("unauthenticated", "Send a refresh token.")
    const session = await refreshSession(context, given, c.req.header("Idempotency-Key"))
    return answerSignedIn(c, context, session, 200, inBody === undefined)
  })
  app.post("/v1/auth/sign-out", signOutEndpoint, async (c) => {
    const context = authContext(c, service)
    const { session } = context.caller
    const refreshToken = session ? undefined : (c.req.valid("json")?.refreshToken ?? readCookie(c, service.origins))
    await signOut(context, session?.id ?? (refreshToken && readRefreshToken(context, refreshToken)?.id))
    clearCookie(c)
    return c.body(null, 204)
  })
  if (!service.settings.anonymous) return
  app.post("/v1/auth/anonymous", anonymousEndpoint, async (c: Context<AppEnv>) => {
    const context = authContext(c, service)
    return answerSignedIn(c, context, await signUpAnonymously(context), 201)
  })
}

async function signOut(context: AuthContext, id: string | undefined): Promise<void> {
  if (!id) throw refused(context.caller)
  await context.db.write([
    endSession(id, context.now()),
    eventQuery(context, { event: "sign_out", userId: { ofSession: id } }, "changes() = 1"),
  ])
}
