/** `/v1/auth/sign-up` and `/v1/auth/sign-in`: e-mail and password. */

import type { Hono } from "hono"
import * as z from "zod"
import { anyone } from "../../../access/rules.ts"
import { signInWithPassword } from "../../../auth/password-sign-in.ts"
import { signUp } from "../../../auth/sign-up.ts"
import { answerSignedIn, cookieQuery, sessionSchema, signedInSchema } from "../../auth/answers.ts"
import { email, name, password } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const signUpEndpoint = endpoint({
  summary: "Make an account with e-mail and password",
  description:
    "With the access token of an anonymous user, that user becomes the account and keeps its id. Where addresses must be proved first, the answer is 202 without a body, the same for a known address.",
  access: anyone,
  body: z.strictObject({ email, password, name: name.optional() }),
  query: cookieQuery,
  answer: { status: 201, description: "The session", schema: sessionSchema },
  problems: ["validation_failed"],
})

const signInEndpoint = endpoint({
  summary: "Sign in with e-mail and password",
  access: anyone,
  body: z.strictObject({ email, password }),
  query: cookieQuery,
  answer: { status: 200, description: "The session, or the ticket for the second factor", schema: signedInSchema },
})

export function passwordRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.post("/v1/auth/sign-up", signUpEndpoint, async (c) => {
    const context = authContext(c, service)
    const signedIn = await signUp(context, c.req.valid("json"))
    return signedIn ? answerSignedIn(c, context, signedIn, 201) : c.body(null, 202)
  })
  app.post("/v1/auth/sign-in", signInEndpoint, async (c) => {
    const context = authContext(c, service)
    const { email, password } = c.req.valid("json")
    return answerSignedIn(c, context, await signInWithPassword(context, email, password))
  })
}
