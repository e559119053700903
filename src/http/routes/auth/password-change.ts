/** `/v1/auth/password/…`: forgotten, reset and changed. */

import type { Hono } from "hono"
import * as z from "zod"
import { anyone, signedIn } from "../../../access/rules.ts"
import { changePassword } from "../../../auth/password-change.ts"
import { mailReset, resetPassword } from "../../../auth/password-reset.ts"
import { userSchema } from "../../auth/answers.ts"
import { email, password, secret } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const accountSchema = z.object({ user: userSchema })

const forgotEndpoint = endpoint({
  summary: "Send a link to choose a new password",
  description: "The same answer for known and unknown addresses.",
  access: anyone,
  body: z.strictObject({ email }),
  answer: { status: 202, description: "If the address has an account, the mail is on its way" },
})

const resetEndpoint = endpoint({
  summary: "Choose a new password with the token of a mail",
  description: "Ends all sessions of the account and gives none: sign in with the new password afterwards.",
  access: anyone,
  body: z.strictObject({ token: secret, password }),
  answer: { status: 200, description: "The account", schema: accountSchema },
  problems: ["validation_failed"],
})

const changeEndpoint = endpoint({
  summary: "Change the own password",
  description: "Ends all other sessions of the account.",
  access: signedIn,
  body: z.strictObject({ currentPassword: password, password }),
  answer: { status: 200, description: "The account", schema: accountSchema },
  problems: ["validation_failed"],
})

export function passwordChangeRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.post("/v1/auth/password/forgot", forgotEndpoint, async (c) => {
    await mailReset(authContext(c, service), c.req.valid("json").email)
    return c.body(null, 202)
  })
  app.post("/v1/auth/password/reset", resetEndpoint, async (c) => {
    const { token, password } = c.req.valid("json")
    return c.json({ user: await resetPassword(authContext(c, service), token, password) })
  })
  app.post("/v1/auth/password/change", changeEndpoint, async (c) => {
    const { currentPassword, password } = c.req.valid("json")
    return c.json({ user: await changePassword(authContext(c, service), currentPassword, password) })
  })
}
