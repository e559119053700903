/** Forged tokens at the doors of the API, made with what anyone may know: the public keys, and a token of one's own. */

import { env } from "cloudflare:workers"
import {
  base64url,
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTHeaderParameters,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose"
import { beforeAll, expect, test } from "vitest"
import { insertKey } from "../../src/auth/key.fixture.ts"
import type { Answer } from "../fixture/scenario.ts"
import { protect, ticketOf } from "./authenticator.ts"
import { CHALLENGE, createProviderScenario, type ProviderScenario, SITE } from "./provider-visits.ts"
import { type SessionBody, START } from "./scenario.ts"

const JWKS = "https://edge.example/.well-known/jwks.json"
const SECONDS = START / 1000

let scenario: ProviderScenario
let session: SessionBody
/** Our own signing key: what it signs is refused for the one thing that is wrong with it. */
let key: Awaited<ReturnType<typeof insertKey>>
let header: JWTHeaderParameters
let claims: JWTPayload

beforeAll(async () => {
  await env.DB.exec("DELETE FROM _signing_keys")
  key = await insertKey(env.DB, { signsFrom: START })
  scenario = await createProviderScenario()
  session = (await scenario.auth("anonymous")).body
  header = decodeProtectedHeader(session.accessToken) as JWTHeaderParameters
  claims = decodeJwt(session.accessToken)
})

/** A collection, a strict route and the own account. */
function tryEverywhere(token: string): Promise<Answer[]> {
  const once = { body: {}, headers: { "Idempotency-Key": crypto.randomUUID() } }
  return Promise.all([
    scenario.call("GET", "/v1/cart", { token }),
    scenario.call("POST", "/v1/checkout", { token, ...once }),
    scenario.call("GET", "/v1/auth/user", { token }),
  ])
}

async function refuses(token: string, what: string, code = "unauthenticated"): Promise<void> {
  for (const answer of await tryEverywhere(token)) {
    expect(answer, what).toMatchObject({ status: 401, body: { code } })
    expect(answer.headers.get("WWW-Authenticate"), what).toMatch(/^Bearer error="invalid_token"/)
  }
}

/** A token of ours but for the changes; what is undefined is left out. */
function forge(
  changes: Record<string, unknown> = {},
  parameters: Record<string, unknown> = {},
  signer: CryptoKey | Uint8Array = key.privateKey,
): Promise<string> {
  const whole = JSON.parse(JSON.stringify({ ...header, ...parameters })) as JWTHeaderParameters
  const payload = JSON.parse(JSON.stringify({ ...claims, ...changes })) as JWTPayload
  return new SignJWT(payload).setProtectedHeader(whole).sign(signer)
}

function unsigned(head: object, payload: object, signature = ""): string {
  const part = (value: object) => base64url.encode(JSON.stringify(value))
  return `${part(head)}.${part(payload)}.${signature}`
}

test("38: another service checks our tokens with the published keys alone, as this one does", async () => {
  const published = createRemoteJWKSet(new URL(JWKS), {
    [customFetch]: async (url) => {
      const { status, text, headers } = await scenario.send("GET", new URL(url).pathname)
      expect(headers.get("Cache-Control")).toContain("max-age=300")
      return new Response(text, { status, headers: { "Content-Type": "application/json" } })
    },
  })
  const { payload, protectedHeader } = await jwtVerify(session.accessToken, published, {
    algorithms: ["ES256"],
    typ: "at+jwt",
    issuer: "selvedge",
    audience: "selvedge",
    currentDate: new Date(scenario.now()),
  })
  expect(payload).toMatchObject({ sub: session.user.id, iat: SECONDS, exp: SECONDS + 600 })
  expect(protectedHeader).toEqual({ alg: "ES256", typ: "at+jwt", kid: key.kid })
  const [collection, strict, account] = await tryEverywhere(await forge())
  expect([collection!.status, strict!.body.code, account!.status]).toEqual([200, "cart_empty", 200])
})

test("38: alg none, in any spelling, with and without a signature", async () => {
  const signature = session.accessToken.split(".")[2]
  for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
    await refuses(unsigned({ ...header, alg }, claims), `"${alg}"`)
    await refuses(unsigned({ ...header, alg }, claims, signature), `"${alg}" with a signature`)
  }
  await refuses(unsigned(header, claims), "no signature")
})

test("38: HS256 with whatever bytes of the public key as the secret", async () => {
  const { keys } = (await scenario.send("GET", "/.well-known/jwks.json")).body as { keys: JWK[] }
  const jwk = keys.find(({ kid }) => kid === key.kid)!
  const publicKey = (await importJWK(jwk, "ES256", { extractable: true })) as CryptoKey
  const pem = await exportSPKI(publicKey)
  const bytes = (text: string) => new TextEncoder().encode(text)
  const secrets = [
    bytes(JSON.stringify(jwk)),
    bytes(JSON.stringify({ keys })),
    bytes(pem),
    bytes(pem.trim()),
    new Uint8Array((await crypto.subtle.exportKey("spki", publicKey)) as ArrayBuffer),
    new Uint8Array((await crypto.subtle.exportKey("raw", publicKey)) as ArrayBuffer),
    base64url.decode(jwk.x!),
    bytes(jwk.x!),
    bytes(key.kid),
  ]
  for (const secret of secrets)
    for (const alg of ["HS256", "HS384", "HS512"]) await refuses(await forge({}, { alg }, secret), alg)
})

test("38: a payload or a header that was changed under its signature", async () => {
  const [head, , signature] = session.accessToken.split(".")
  for (const change of [{ roles: ["admin"] }, { sub: crypto.randomUUID() }, { exp: SECONDS + 6000 }, { aal: 2 }]) {
    const payload = base64url.encode(JSON.stringify({ ...claims, ...change }))
    await refuses(`${head}.${payload}.${signature}`, JSON.stringify(change))
  }
  await refuses(unsigned({ ...header, alg: "ES384" }, claims, signature), "another algorithm")
})

test("38: a header that brings its own key, or names where to get it", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true })
  const jwk = await exportJWK(publicKey)
  const brought: Record<string, unknown>[] = [
    { jwk },
    { jku: "https://evil.example/jwks.json" },
    { jku: JWKS },
    { x5u: "https://evil.example/cert.pem" },
    { x5c: ["MIIB"] },
    { jwk, kid: undefined },
    { jku: "https://evil.example/jwks.json", kid: "mine" },
  ]
  for (const parameters of brought) {
    await refuses(await forge({}, parameters, privateKey), JSON.stringify(parameters))
    await refuses(await forge({}, parameters), `${JSON.stringify(parameters)}, signed by us`)
  }
  await refuses(await forge({}, {}, privateKey), "another's key under our kid")
})

test("38: a kid that is unknown, missing, or not a kid", async () => {
  const { privateKey } = await generateKeyPair("ES256")
  for (const kid of ["unknown", "", "' OR 1=1 --", "../../dev/null", undefined])
    await refuses(await forge({}, { kid }, privateKey), `${kid}`)
  for (const kid of [null, 7, [key.kid]]) await refuses(unsigned({ ...header, kid }, claims, "AAAA"), `${kid}`)
})

test("39: a token of another type, also when our own key signed it", async () => {
  for (const typ of ["JWT", "id_token", "at_hash", "logout+jwt", "secevent+jwt", "", undefined])
    await refuses(await forge({}, { typ }), `${typ}`)
})

test("38: another issuer or audience, one that isn't valid yet, and one that isn't any more", async () => {
  const wrong: Record<string, unknown>[] = [
    { iss: "https://evil.example" },
    { iss: "selvedge2" },
    { iss: undefined },
    { aud: "another" },
    { aud: [] },
    { aud: undefined },
    { nbf: SECONDS + 3600 },
    { iat: SECONDS + 3600 },
    { iat: undefined },
    { exp: undefined },
    { sub: undefined },
    { sub: "service" },
    { sub: "service", service: "true" },
  ]
  for (const change of wrong) await refuses(await forge(change), Object.entries(change).join())
  for (const exp of [SECONDS, SECONDS - 1, 0]) await refuses(await forge({ exp }), `${exp}`, "token_expired")
})

test("39: an ID token, of a provider or signed by our own key", async () => {
  const { acme } = scenario.providers
  const { iss, aud, sub, iat, exp } = claims
  await refuses(await acme.sign(), "the provider's")
  await refuses(await acme.sign({ iss, aud, sub, iat, exp, roles: [] }), "the provider's, with our claims")
  await refuses(await acme.sign(claims, { typ: "at+jwt", kid: key.kid }), "the provider's, under our kid")
  const idToken = { aud: "a client", nonce: "n", email: "ada@shop.example", email_verified: true }
  await refuses(await forge(idToken, { typ: "JWT" }), "ours")
})

test("39: a secret of another kind as Bearer token", async () => {
  const person = await protect(scenario)
  const { email, session: own } = person
  const ask = async (purpose: string, path: string, body: object) => {
    await scenario.auth(path, body)
    return (await scenario.mail(email, purpose)).secret
  }
  const secrets: Record<string, string> = {
    "a refresh token": own.refreshToken,
    "a ticket": await ticketOf(scenario, person),
    "a proof of the address": (await scenario.mail(email, "verify-email")).secret,
    "a reset": await ask("reset-password", "password/forgot", { email }),
    "a code": await ask("sign-in-code", "email/code", { email }),
    "a link": await ask("sign-in-link", "email/link", { email, redirectTo: SITE, codeChallenge: CHALLENGE }),
    "a state": (await scenario.leave("acme")).searchParams.get("state")!,
    "a challenge": (await scenario.auth("passkeys/sign-in/options")).body.challenge,
    "a recovery code": person.recoveryCodes[0]!,
    "a seed": person.seed,
    "a session's id": own.refreshToken.split(".")[0]!,
    "a user's id": person.userId,
  }
  for (const [what, secret] of Object.entries(secrets)) {
    expect(secret, what).toMatch(/^.{6}/)
    await refuses(secret, what)
  }
})
