/** `/v1/auth/totp` and `/v1/auth/recovery-codes`: an account's second factor. */

import type { Hono } from "hono"
import * as z from "zod"
import { signedIn } from "../../../access/rules.ts"
import { activateTotp, removeTotp, renewRecoveryCodes, startTotp } from "../../../auth/totp-flows.ts"
import { secret } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const codesSchema = z.object({
  recoveryCodes: z
    .array(z.string())
    .describe("Each works once, in place of the authenticator. They are shown this once."),
})

const startEndpoint = endpoint({
  summary: "Set up an authenticator app",
  description:
    "Show the URI as a QR code, then send a code of the app to `totp/activate`; until then nothing changes, and a repeat makes a new seed. Needs a sign-in within the last 10 minutes.",
  access: signedIn,
  answer: {
    status: 201,
    description: "The seed, shown this once",
    schema: z.object({ secret: z.string().describe("Base32, for apps without a camera."), uri: z.string() }),
  },
})

const activateEndpoint = endpoint({
  summary: "Turn the second factor on",
  description:
    "Every later sign-in asks for it. This session has both factors from now on; its access token says so after a refresh. Needs a sign-in within the last 10 minutes.",
  access: signedIn,
  body: z.strictObject({ code: secret.describe("Six digits of the app.") }),
  answer: { status: 200, description: "The recovery codes", schema: codesSchema },
  problems: ["validation_failed"],
})

const removeEndpoint = endpoint({
  summary: "Turn the second factor off",
  description:
    "Ends all other sessions; the recovery codes are void. Needs a sign-in with both factors within the last 10 minutes.",
  access: signedIn,
  answer: { status: 204, description: "It is off" },
})

const recoveryCodesEndpoint = endpoint({
  summary: "Make new recovery codes",
  description: "Those from before are void. Needs a sign-in with both factors within the last 10 minutes.",
  access: signedIn,
  answer: { status: 200, description: "The recovery codes", schema: codesSchema },
})

export function totpRoutes(app: Hono<AppEnv>, service: AuthService): void {
  app.post("/v1/auth/totp", startEndpoint, async (c) => c.json(await startTotp(authContext(c, service)), 201))
  app.post("/v1/auth/totp/activate", activateEndpoint, async (c) => {
    return c.json({ recoveryCodes: await activateTotp(authContext(c, service), c.req.valid("json").code) })
  })
  app.delete("/v1/auth/totp", removeEndpoint, async (c) => {
    await removeTotp(authContext(c, service))
    return c.body(null, 204)
  })
  app.post("/v1/auth/recovery-codes", recoveryCodesEndpoint, async (c) => {
    return c.json({ recoveryCodes: await renewRecoveryCodes(authContext(c, service)) })
  })
}
