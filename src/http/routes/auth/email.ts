/** `/v1/auth/email/…`: sign-in by code and by link, and the proof and the change of an address. */

import type { Hono } from "hono"
import * as z from "zod"
import { anyone, signedIn } from "../../../access/rules.ts"
import { askEmailChange } from "../../../auth/email-change.ts"
import { mailCode, signInWithCode } from "../../../auth/email-codes.ts"
import { mailLink } from "../../../auth/email-links.ts"
import { askVerification, verifyEmail } from "../../../auth/verify-email.ts"
import { answerSignedIn, cookieQuery, signedInSchema, userSchema } from "../../auth/answers.ts"
import { codeChallenge, email, secret } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const MOST_REDIRECT = 2_048

const accountSchema = z.object({ user: userSchema })

const codeEndpoint = endpoint({
  summary: "Send a sign-in code by mail",
  description:
    "Six digits, good for 10 minutes and five attempts; a new code voids the one before. The same for known and unknown addresses.",
  access: anyone,
  body: z.strictObject({ email }),
  answer: { status: 202, description: "The mail is on its way" },
})

const redeemCodeEndpoint = endpoint({
  summary: "Sign in with a code",
  description:
    "An unknown address gets an account; with the access token of an anonymous user, that user becomes the account and keeps its id.",
  access: anyone,
  body: z.strictObject({
    email,
    code: z
      .string()
      .trim()
      .regex(/^\d{6}$/, "must be six digits"),
  }),
  query: cookieQuery,
  answer: { status: 200, description: "The session, or the ticket for the second factor", schema: signedInSchema },
})

const linkEndpoint = endpoint({
  summary: "Send a sign-in link by mail",
  description:
    "The link leads to a page of this API, and the page's button to `redirectTo?code=…`; the site sends that code to `exchange`. The same for known and unknown addresses.",
  access: anyone,
  body: z.strictObject({
    email,
    redirectTo: z.string().max(MOST_REDIRECT).describe("An address of a listed site, spelled out in full."),
    codeChallenge,
  }),
  answer: { status: 202, description: "The mail is on its way" },
  problems: ["validation_failed"],
})

const verifyEndpoint = endpoint({
  summary: "Confirm an address",
  description:
    "The token of the mail to a new account, or to the new address of an account. It gives no session. Passkeys, factors, identities and keys of an account whose address nobody had confirmed stay only if its own access token comes along.",
  access: anyone,
  body: z.strictObject({ token: secret }),
  answer: { status: 200, description: "The account", schema: accountSchema },
})

const askVerificationEndpoint = endpoint({
  summary: "Send the mail that confirms the address again",
  access: signedIn,
  answer: { status: 202, description: "The mail is on its way" },
})

const changeEndpoint = endpoint({
  summary: "Change the own address",
  description:
    "A mail goes to the new address, and the account has it once `email/verify` gets its token. Until then the session that asked must not end. Needs a sign-in within the last 10 minutes.",
  access: signedIn,
  body: z.strictObject({ email }),
  answer: { status: 200, description: "The account as it still is", schema: accountSchema },
})

export function emailCodeRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.post("/v1/auth/email/code", codeEndpoint, async (c) => {
    await mailCode(authContext(c, service), c.req.valid("json").email)
    return c.body(null, 202)
  })
  app.post("/v1/auth/email/code/redeem", redeemCodeEndpoint, async (c) => {
    const context = authContext(c, service)
    const { email, code } = c.req.valid("json")
    return answerSignedIn(c, context, await signInWithCode(context, email, code))
  })
}

export function emailLinkRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.post("/v1/auth/email/link", linkEndpoint, async (c) => {
    await mailLink(authContext(c, service), service.origins, c.req.valid("json"))
    return c.body(null, 202)
  })
}

export function emailRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.post("/v1/auth/email/verify", verifyEndpoint, async (c) => {
    const { user } = await verifyEmail(authContext(c, service), c.req.valid("json").token)
    return c.json({ user })
  })
  app.post("/v1/auth/email/verify/request", askVerificationEndpoint, async (c) => {
    await askVerification(authContext(c, service))
    return c.body(null, 202)
  })
  app.post("/v1/auth/email/change", changeEndpoint, async (c) => {
    return c.json({ user: await askEmailChange(authContext(c, service), c.req.valid("json").email) })
  })
}
