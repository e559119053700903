/** `/v1/auth/mfa`: the second step of a sign-in. */

import type { Hono } from "hono"
import * as z from "zod"
import { anyone } from "../../../access/rules.ts"
import { signInWithSecondFactor } from "../../../auth/second-factor.ts"
import { answerSignedIn, cookieQuery, sessionSchema } from "../../auth/answers.ts"
import { secret } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const mfaEndpoint = endpoint({
  summary: "Sign in with the second factor",
  description:
    "The ticket comes from the first step and lives for 5 minutes and 5 tries. A refusal points to what was wrong: after `/ticket`, start again; after `/code`, try another. Ten wrong codes in 15 minutes lock the authenticator, not the recovery codes.",
  access: anyone,
  body: z.strictObject({
    ticket: secret,
    method: z.enum(["totp", "recovery"]),
    code: secret.describe("Six digits of the authenticator, or a recovery code. Case, spaces and hyphens don't count."),
  }),
  query: cookieQuery,
  answer: { status: 200, description: "The session", schema: sessionSchema },
})

export function mfaRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.post("/v1/auth/mfa", mfaEndpoint, async (c) => {
    const context = authContext(c, service)
    return answerSignedIn(c, context, await signInWithSecondFactor(context, c.req.valid("json")))
  })
}
