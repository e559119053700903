/** `/v1/auth/exchange`: the last step of a sign-in that led through a page of ours. */

import type { Hono } from "hono"
import * as z from "zod"
import { anyone } from "../../../access/rules.ts"
import { redeemExchange } from "../../../auth/exchange.ts"
import { answerSignedIn, cookieQuery, signedInSchema } from "../../auth/answers.ts"
import { codeVerifier, secret } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const exchangeEndpoint = endpoint({
  summary: "Exchange the code of a redirect for a session",
  description:
    "The code works once, within 60 seconds, with the verifier of the challenge that the sign-in began with. With the access token of an anonymous user, a new account keeps its id, and an existing one takes in its data.",
  access: anyone,
  body: z.strictObject({ code: secret, codeVerifier }),
  query: cookieQuery,
  answer: { status: 200, description: "The session, or the ticket for the second factor", schema: signedInSchema },
})

export function exchangeRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.post("/v1/auth/exchange", exchangeEndpoint, async (c) => {
    const context = authContext(c, service)
    const { code, codeVerifier } = c.req.valid("json")
    return answerSignedIn(c, context, await redeemExchange(context, code, codeVerifier))
  })
}
