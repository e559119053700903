/** `/v1/auth/providers`, `/v1/auth/oauth` and `/v1/auth/identities`: signing in with accounts of others. */

import type { Context, Hono } from "hono"
import * as z from "zod"
import { anyone, signedIn } from "../../../access/rules.ts"
import { comeBack, leaveToLink, leaveToSignIn } from "../../../auth/oauth-flows.ts"
import { linkIdentity, listIdentities, removeIdentities } from "../../../auth/own-identities.ts"
import { codeChallenge, codeVerifier, secret } from "../../auth/fields.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { endpoint } from "../../endpoint.ts"

const MOST_REDIRECT = 2_048

const wayBack = z.strictObject({ redirectTo: z.string().max(MOST_REDIRECT), codeChallenge })

const identitySchema = z.object({
  provider: z.string().nullable(),
  issuer: z.string(),
  email: z.string().nullable(),
  createdAt: z.iso.datetime(),
})

const providersEndpoint = endpoint({
  summary: "List the providers to sign in with",
  access: anyone,
  answer: {
    status: 200,
    description: "Those that are on",
    schema: z.object({ data: z.array(z.object({ name: z.string(), issuer: z.string() })) }),
  },
})

const leaveEndpoint = endpoint({
  summary: "Sign in with a provider",
  description:
    "A browser is sent here by a link of the site, not by a script. It comes back to `redirectTo` with a `code` for `POST exchange`, or with an `error`: `access_denied`, `account_exists` (the address has an account, and the provider hasn't verified it: sign in, then link), `provider_refused`, `provider_unreachable` or `provider_answer_invalid`.",
  access: anyone,
  query: wayBack,
  answer: { status: 302, description: "To the provider" },
})

const callbackEndpoint = endpoint({
  summary: "Come back from a provider",
  description: "Where providers send the browser; this address is registered with them.",
  access: anyone,
  query: z.looseObject({ state: z.string() }),
  answer: { status: 302, description: "To the site, with a `code` or an `error`" },
})

const linkEndpoint = endpoint({
  summary: "Ask for a provider as another way to sign in",
  description:
    "The browser goes to `url` and comes back to `redirectTo` with a `code` for `POST identities`, or with an `error`, such as `identity_taken`. Needs a sign-in of the last 10 minutes, with all factors.",
  access: signedIn,
  body: wayBack,
  answer: { status: 200, description: "Where the browser goes", schema: z.object({ url: z.url() }) },
  problems: ["validation_failed"],
})

const listEndpoint = endpoint({
  summary: "List the own identities at providers",
  access: signedIn,
  answer: { status: 200, description: "Newest first", schema: z.object({ data: z.array(identitySchema) }) },
})

const addEndpoint = endpoint({
  summary: "Link an identity to the own account",
  description: "With the code that the browser came back with, in the session that asked for the link.",
  access: signedIn,
  body: z.strictObject({ code: secret, codeVerifier }),
  answer: { status: 201, description: "The identity", schema: identitySchema },
})

const removeEndpoint = endpoint({
  summary: "Remove the own identities at a provider",
  description:
    "Needs a sign-in of the last 10 minutes, and ends all other sessions. The last way to sign in can't be removed.",
  access: signedIn,
  answer: { status: 204, description: "They are removed" },
})

export function providerRoutes(app: Hono<AppEnv>, service: AuthService): void {
  const { providers } = service
  app.get("/v1/auth/providers", providersEndpoint, (c) =>
    c.json({ data: [...providers.values()].map(({ name, issuer }) => ({ name, issuer })) }),
  )
  app.get("/v1/auth/oauth/:provider", leaveEndpoint, async (c) =>
    send(c, await leaveToSignIn(authContext(c, service), service, c.req.param("provider"), c.req.valid("query"))),
  )
  app.get("/v1/auth/oauth/:provider/callback", callbackEndpoint, async (c) =>
    send(c, await comeBack(authContext(c, service), providers, c.req.param("provider"), new URL(c.req.url))),
  )
  app.post("/v1/auth/oauth/:provider/link", linkEndpoint, async (c) =>
    c.json({
      url: await leaveToLink(authContext(c, service), service, c.req.param("provider"), c.req.valid("json")),
    }),
  )
  app.get("/v1/auth/identities", listEndpoint, async (c) =>
    c.json({ data: await listIdentities(authContext(c, service), providers) }),
  )
  app.post("/v1/auth/identities", addEndpoint, async (c) => {
    const { code, codeVerifier } = c.req.valid("json")
    return c.json(await linkIdentity(authContext(c, service), providers, code, codeVerifier), 201)
  })
  app.delete("/v1/auth/identities/:provider", removeEndpoint, async (c) => {
    await removeIdentities(authContext(c, service), providers, c.req.param("provider"))
    return c.body(null, 204)
  })
}

/** The address that the browser is at holds codes, which go to nobody as a referrer. */
function send(c: Context<AppEnv>, url: string): Response {
  c.header("Referrer-Policy", "no-referrer")
  return c.redirect(url, 302)
}
