/** `/v1/auth/passkeys`: sign-in without a password or an address, and the list of a user's own passkeys. */

import type { Context, Hono } from "hono"
import * as z from "zod"
import { anyone, signedIn } from "../../../access/rules.ts"
import { listPasskeys, removePasskey, renamePasskey } from "../../../auth/own-passkeys.ts"
import { askRegistration, askSignIn, registerPasskey, signInWithPasskey } from "../../../auth/passkey-flows.ts"
import { relyingParty } from "../../../auth/passkeys.ts"
import { answerSignedIn, cookieQuery, signedInSchema } from "../../auth/answers.ts"
import { name } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

/** Characters of base64url. WebAuthn bounds ids at 1,023 bytes and user handles at 64; the rest is generous. */
const MOST_ID = 1_364
const MOST_USER_HANDLE = 86
const MOST_CLIENT_DATA = 4_096
const MOST_AUTHENTICATOR_DATA = 16_384
const MOST_SIGNATURE = 2_048
const MOST_TRANSPORTS = 10
const MOST_TRANSPORT = 32

const base64url = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[\w-]+$/, "must be base64url without padding")

const credential = {
  id: base64url(MOST_ID),
  rawId: base64url(MOST_ID),
  type: z.literal("public-key"),
}

// browsers may put more into their own JSON than WebAuthn Level 3 does, and none of it is read
const registrationAnswer = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url(MOST_CLIENT_DATA),
    attestationObject: base64url(MOST_AUTHENTICATOR_DATA),
    transports: z.array(z.string().max(MOST_TRANSPORT)).max(MOST_TRANSPORTS).default([]),
  }),
})
const assertionAnswer = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url(MOST_CLIENT_DATA),
    authenticatorData: base64url(MOST_AUTHENTICATOR_DATA),
    signature: base64url(MOST_SIGNATURE),
    userHandle: base64url(MOST_USER_HANDLE).nullish(),
  }),
})

const passkeySchema = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable(),
  backedUp: z.boolean(),
  transports: z.array(z.string()),
})

const registerOptionsEndpoint = endpoint({
  summary: "Ask for a new passkey",
  description:
    "The answer goes to `PublicKeyCredential.parseCreationOptionsFromJSON()` and `navigator.credentials.create()`; it holds for 5 minutes and one passkey. Needs a sign-in of the last 10 minutes, with all factors.",
  access: signedIn,
  answer: {
    status: 200,
    description: "PublicKeyCredentialCreationOptionsJSON",
    schema: z.looseObject({ challenge: z.string() }),
  },
})

const registerEndpoint = endpoint({
  summary: "Add a passkey to the own account",
  description: "`response` is what `toJSON()` of the new credential gives. The name is that of the device unless told.",
  access: signedIn,
  body: z.strictObject({ response: registrationAnswer, name: name.optional() }),
  answer: { status: 201, description: "The passkey", schema: passkeySchema },
  problems: ["validation_failed"],
})

const signInOptionsEndpoint = endpoint({
  summary: "Ask for a passkey to sign in with",
  description:
    "The answer goes to `PublicKeyCredential.parseRequestOptionsFromJSON()` and `navigator.credentials.get()`; it holds for 5 minutes and one sign-in. No address is needed: the passkey names the account.",
  access: anyone,
  answer: {
    status: 200,
    description: "PublicKeyCredentialRequestOptionsJSON",
    schema: z.looseObject({ challenge: z.string() }),
  },
})

const signInEndpoint = endpoint({
  summary: "Sign in with a passkey",
  description:
    "`response` is what `toJSON()` of the credential gives. A passkey that asked for a PIN, a finger or a face is both factors in one; after any other, an account with a second factor is asked for it.",
  access: anyone,
  body: z.strictObject({ response: assertionAnswer }),
  query: cookieQuery,
  answer: { status: 200, description: "The session, or the ticket for the second factor", schema: signedInSchema },
})

const listEndpoint = endpoint({
  summary: "List the own passkeys",
  access: signedIn,
  answer: { status: 200, description: "Newest first", schema: z.object({ data: z.array(passkeySchema) }) },
})

const renameEndpoint = endpoint({
  summary: "Rename one of the own passkeys",
  access: signedIn,
  body: z.strictObject({ name }),
  answer: { status: 200, description: "The passkey", schema: passkeySchema },
})

const removeEndpoint = endpoint({
  summary: "Remove one of the own passkeys",
  description:
    "Needs a sign-in of the last 10 minutes, and ends all other sessions. The last way to sign in can't be removed.",
  access: signedIn,
  answer: { status: 204, description: "It is removed" },
})

const sitesEndpoint = endpoint({
  summary: "List the sites that may use the passkeys",
  description: "Browsers ask here before a site of another domain uses them (WebAuthn Level 3, related origins).",
  access: anyone,
  answer: { status: 200, description: "Their origins", schema: z.object({ origins: z.array(z.string()) }) },
})

export function passkeyRoutes(app: Hono<AppEnv>, service: AuthService): void {
  const open = (c: Context<AppEnv>) => {
    const context = authContext(c, service)
    return { context, party: relyingParty(context, service.origins) }
  }
  app.post("/v1/auth/passkeys/register/options", registerOptionsEndpoint, async (c) => {
    const { context, party } = open(c)
    return c.json(await askRegistration(context, party))
  })
  app.post("/v1/auth/passkeys/register", registerEndpoint, async (c) => {
    const { context, party } = open(c)
    const { response, name } = c.req.valid("json")
    return c.json(await registerPasskey(context, party, response, name), 201)
  })
  app.post("/v1/auth/passkeys/sign-in/options", signInOptionsEndpoint, async (c) => {
    const { context, party } = open(c)
    return c.json(await askSignIn(context, party))
  })
  app.post("/v1/auth/passkeys/sign-in", signInEndpoint, async (c) => {
    const { context, party } = open(c)
    return answerSignedIn(c, context, await signInWithPasskey(context, party, c.req.valid("json").response))
  })
  app.get("/v1/auth/passkeys", listEndpoint, async (c) => c.json({ data: await listPasskeys(open(c).context) }))
  app.patch("/v1/auth/passkeys/:id", renameEndpoint, async (c) =>
    c.json(await renamePasskey(open(c).context, c.req.param("id"), c.req.valid("json").name)),
  )
  app.delete("/v1/auth/passkeys/:id", removeEndpoint, async (c) => {
    await removePasskey(open(c).context, c.req.param("id"))
    return c.body(null, 204)
  })
  app.get("/.well-known/webauthn", sitesEndpoint, (c) => c.json({ origins: open(c).party.origins }))
}
