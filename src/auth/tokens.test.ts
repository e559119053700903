import { env } from "cloudflare:workers"
import * as fc from "fast-check"
import { base64url, decodeJwt, decodeProtectedHeader, generateKeyPair, type JWTPayload, SignJWT } from "jose"
import { beforeEach, expect, test } from "vitest"
import { SERVICE } from "../core/caller.ts"
import { SelvedgeError } from "../core/problem.ts"
import { ADA, createClock, type InsertedKey, insertKey, refusalOf, SECRET, START } from "./key.fixture.ts"
import { createTokens, type UserTokenClaims } from "./tokens.ts"

const CLAIMS: UserTokenClaims = { subject: ADA, roles: ["staff", "admin"], lifetimeSeconds: 600 }
const SECONDS = START / 1000
const PAYLOAD = { iss: "selvedge", aud: "selvedge", sub: ADA, roles: [], iat: SECONDS, exp: SECONDS + 600 }

let key: InsertedKey
let clock: ReturnType<typeof createClock>

beforeEach(async () => {
  await env.DB.exec("DELETE FROM _signing_keys")
  key = await insertKey(env.DB)
  clock = createClock()
})

test("a user's token carries subject, roles, session and level, and names the caller", async () => {
  const tokens = isolate()
  const token = await tokens.sign({ ...CLAIMS, sessionId: "s1", aal: 2 })
  expect(decodeProtectedHeader(token)).toEqual({ alg: "ES256", typ: "at+jwt", kid: key.kid })
  expect(decodeJwt(token)).toEqual({ ...PAYLOAD, roles: ["staff", "admin"], sid: "s1", aal: 2 })
  expect(await tokens.verify(token)).toEqual({
    kind: "user",
    id: ADA,
    roles: ["staff", "admin"],
    session: { id: "s1", aal: 2, anonymous: false },
  })
})

test("a service token names the service", async () => {
  const tokens = isolate()
  expect(await tokens.verify(await tokens.sign({ service: true, lifetimeSeconds: 60 }))).toBe(SERVICE)
})

test("claims that no token may carry are a TypeError", async () => {
  const wrong = [{ subject: "service" }, { subject: "" }, { roles: [1] }, { roles: "admin" }, { lifetimeSeconds: 0 }]
  for (const change of wrong) {
    const claims = { ...CLAIMS, ...change } as UserTokenClaims
    expect(await refusalOf(() => isolate().sign(claims))).toBeInstanceOf(TypeError)
  }
})

test("38: a forged token that differs in nothing but its maker is accepted, so what follows is about the difference", async () => {
  expect(await isolate().verify(await forge())).toMatchObject({ id: ADA })
})

test("38: a token without signature (alg none) is refused", async () => {
  const part = (value: object) => base64url.encode(JSON.stringify(value))
  for (const alg of ["none", "None", "NONE", ""]) {
    const head = part({ alg, typ: "at+jwt", kid: key.kid })
    await refuses(`${head}.${part(PAYLOAD)}.`)
    await refuses(`${head}.${part(PAYLOAD)}.${(await forge()).split(".")[2]}`)
  }
})

test("38: a token signed with HS256 and the public key is refused", async () => {
  const jwk = JSON.stringify((await isolate().jwks()).keys[0])
  const { x, y } = key.publicJwk
  const point = new Uint8Array([4, ...base64url.decode(x!), ...base64url.decode(y!)])
  for (const secret of [
    new TextEncoder().encode(jwk),
    new TextEncoder().encode(JSON.stringify(key.publicJwk)),
    point,
  ]) {
    const header = { alg: "HS256", typ: "at+jwt", kid: key.kid }
    await refuses(await new SignJWT(PAYLOAD).setProtectedHeader(header).sign(secret))
  }
})

test("38: a token of another algorithm or of another's ES256 key under our kid is refused", async () => {
  for (const alg of ["ES256", "ES384", "EdDSA", "RS256"]) {
    const { privateKey } = await generateKeyPair(alg)
    const header = { alg, typ: "at+jwt", kid: key.kid }
    await refuses(await new SignJWT(PAYLOAD).setProtectedHeader(header).sign(privateKey))
  }
})

test("38: a header with jwk, jku, x5u, x5c, x5t or crit is refused, even when our key signed it", async () => {
  const headers = [
    { jwk: key.publicJwk },
    { jku: "https://example.com/jwks.json" },
    { x5u: "https://example.com/cert.pem" },
    { x5c: ["MIIB"] },
    { x5t: "abc" },
    { crit: ["b64"], b64: true },
  ]
  for (const header of headers) await refuses(await forge({}, header))
})

test("38: an unknown or missing kid is refused", async () => {
  await refuses(await forge({}, { kid: "another" }), /does not know/)
  await refuses(await forge({}, { kid: undefined }))
})

test("38: another issuer or audience, none, or a token not valid yet is refused", async () => {
  const wrong: object[] = [
    { iss: "other" },
    { iss: undefined },
    { aud: "other" },
    { aud: ["other"] },
    { aud: undefined },
    { nbf: SECONDS + 1 },
    { nbf: "soon" },
    { iat: SECONDS + 61 },
    { iat: undefined },
    { iat: "now" },
    { exp: undefined },
    { exp: "later" },
    { exp: null },
  ]
  for (const change of wrong) await refuses(await forge(change))
})

test("38: issuer and audience are those of this backend", async () => {
  const shop = createTokens({ db: env.DB, secret: SECRET, issuer: "https://shop", audience: "shop", now: clock.now })
  const token = await shop.sign(CLAIMS)
  expect(decodeJwt(token)).toMatchObject({ iss: "https://shop", aud: "shop" })
  expect(await shop.verify(token)).toMatchObject({ id: ADA })
  await refuses(token)
})

test("38: an expired token is refused as token_expired, from its last second on", async () => {
  const tokens = isolate()
  const token = await tokens.sign(CLAIMS)
  clock.advance(599_999)
  expect(await tokens.verify(token)).toMatchObject({ id: ADA })
  clock.advance(1)
  for (const each of [tokens, isolate()]) {
    expect(await refusalOf(() => each.verify(token))).toMatchObject({
      code: "token_expired",
      headers: { "WWW-Authenticate": 'Bearer error="invalid_token", error_description="The access token has expired"' },
    })
  }
})

test("38: a token changed in any byte is refused", async () => {
  const tokens = isolate()
  const parts = (await tokens.sign(CLAIMS)).split(".")
  for (let part = 0; part < 3; part++) {
    const bytes = base64url.decode(parts[part]!)
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = bytes.slice()
      changed[at]! ^= 1
      const token = parts.with(part, base64url.encode(changed)).join(".")
      expect(await refusalOf(() => tokens.verify(token))).toMatchObject({ code: "unauthenticated" })
    }
  }
})

test("38: text that is no token is refused, whatever it is", async () => {
  const tokens = isolate()
  const token = await tokens.sign(CLAIMS)
  const part = fc.oneof(
    fc.constantFrom(...token.split("."), ""),
    fc.base64String(),
    fc.string({ unit: "binary" }),
    fc.json().map((text) => base64url.encode(text)),
  )
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(part, { maxLength: 6 }).map((parts) => parts.join(".")),
  )
  await fc.assert(
    fc.asyncProperty(text, async (each) => {
      fc.pre(each !== token)
      const error = await refusalOf(() => tokens.verify(each))
      expect(error).toBeInstanceOf(SelvedgeError)
      expect(error).toMatchObject({ code: "unauthenticated" })
    }),
    { numRuns: 500 },
  )
})

test("39: an ID token, a one-time token or a plain JWT of the same key is refused", async () => {
  for (const typ of ["JWT", "id+jwt", "ott+jwt", undefined]) await refuses(await forge({}, { typ }))
  await refuses(await forge({ aud: "a-client" }, { typ: "JWT" }))
})

test("a token that names no caller is refused", async () => {
  const wrong: object[] = [
    { sub: undefined },
    { sub: "service" },
    { sub: "not-a-uuid" },
    { sub: 7 },
    { roles: undefined },
    { roles: "admin" },
    { roles: ["admin", 1] },
    { service: true },
    { service: "true", sub: "service" },
    { service: false },
  ]
  for (const change of wrong) await refuses(await forge(change))
})

function isolate() {
  return createTokens({ db: env.DB, secret: SECRET, now: clock.now })
}

/** A token of the stored key with other claims or header parameters; undefined leaves one out. */
async function forge(claims: object = {}, header: object = {}): Promise<string> {
  const defined = (value: object) => JSON.parse(JSON.stringify(value)) as JWTPayload
  return new SignJWT(defined({ ...PAYLOAD, ...claims }))
    .setProtectedHeader({ alg: "ES256", ...defined({ typ: "at+jwt", kid: key.kid, ...header }) })
    .sign(key.privateKey)
}

async function refuses(token: string, message = /./): Promise<void> {
  const error = (await refusalOf(() => isolate().verify(token))) as SelvedgeError
  expect(error).toBeInstanceOf(SelvedgeError)
  expect(error).toMatchObject({
    code: "unauthenticated",
    message: expect.stringMatching(message),
    headers: { "WWW-Authenticate": `Bearer error="invalid_token", error_description="${error.message}"` },
  })
}
