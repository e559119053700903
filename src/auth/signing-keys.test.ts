import { env } from "cloudflare:workers"
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, SignJWT } from "jose"
import { beforeEach, expect, test } from "vitest"
import { ADA, countTrips, createClock, insertKey, refusalOf, SECRET, START } from "./key.fixture.ts"
import { createTokens, type Tokens } from "./tokens.ts"

const MINUTE = 60_000
const CLAIMS = { subject: ADA, roles: ["staff"], lifetimeSeconds: 600 }

beforeEach(async () => {
  await env.DB.exec("DELETE FROM _signing_keys")
})

test("the first token makes the key, and another isolate verifies it with the same key", async () => {
  const token = await isolate().sign(CLAIMS)
  expect(await isolate().verify(token)).toEqual({ kind: "user", id: ADA, roles: ["staff"] })
  expect(await countKeys()).toBe(1)
})

test("isolates that make the first key at the same moment end with one agreed key", async () => {
  const isolates = Array.from({ length: 12 }, () => isolate())
  const tokens = await Promise.all(isolates.map((each) => each.sign(CLAIMS)))
  expect(await countKeys()).toBe(1)
  expect(new Set(tokens.map((token) => decodeProtectedHeader(token).kid)).size).toBe(1)
  for (const token of tokens) expect(await isolates[0]!.verify(token)).toMatchObject({ id: ADA })
})

test("40: the private key is stored encrypted, and only public members are published", async () => {
  const tokens = isolate()
  const token = await tokens.sign(CLAIMS)
  const row = await env.DB.prepare("SELECT * FROM _signing_keys").first<Record<string, string>>()
  expect(row!.private_jwk).toMatch(/^[\w-]{100,}$/)
  expect(atob(row!.private_jwk!.replaceAll("-", "+").replaceAll("_", "/"))).not.toContain('"d"')
  const jwks = await tokens.jwks()
  expect(jwks.keys.map((key) => Object.keys(key).sort())).toEqual([["alg", "crv", "kid", "kty", "use", "x", "y"]])
  expect(jwks.keys[0]).toMatchObject({ kid: row!.kid, alg: "ES256", use: "sig", kty: "EC", crv: "P-256" })
  const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), { currentDate: new Date(START) })
  expect(payload).toMatchObject({ iss: "selvedge", aud: "selvedge", sub: ADA })
})

test("40: members of a row beyond the public ones are never published", async () => {
  const { kid } = await insertKey(env.DB)
  await env.DB.prepare("UPDATE _signing_keys SET public_jwk = json_set(public_jwk, '$.d', 'private')").run()
  const { keys } = await isolate().jwks()
  expect(keys).toHaveLength(1)
  expect(keys[0]).toMatchObject({ kid })
  expect(keys[0]).not.toHaveProperty("d")
})

test("40: a key published ahead signs from its time on, and the old one verifies until it is retired", async () => {
  const clock = createClock()
  const tokens = isolate(clock)
  const old = await insertKey(env.DB, { signsFrom: START - 60 * MINUTE, retiredAt: START + 16 * MINUTE })
  const next = await insertKey(env.DB, { signsFrom: START + 5 * MINUTE })

  const before = await tokens.sign({ ...CLAIMS, lifetimeSeconds: 3600 })
  expect(decodeProtectedHeader(before).kid).toBe(old.kid)
  expect((await tokens.jwks()).keys.map((key) => key.kid)).toEqual([next.kid, old.kid])

  clock.advance(5 * MINUTE)
  const after = await tokens.sign({ ...CLAIMS, lifetimeSeconds: 3600 })
  expect(decodeProtectedHeader(after).kid).toBe(next.kid)
  expect(await tokens.verify(before)).toMatchObject({ id: ADA })

  clock.advance(11 * MINUTE)
  expect(await refusalOf(() => tokens.verify(before))).toMatchObject({ code: "unauthenticated" })
  expect(await tokens.verify(after)).toMatchObject({ id: ADA })
  expect((await tokens.jwks()).keys.map((key) => key.kid)).toEqual([next.kid])
})

test("40: a key retired in a hurry is refused within 5 minutes, remembered tokens included", async () => {
  const clock = createClock()
  const tokens = isolate(clock)
  const token = await tokens.sign(CLAIMS)
  await tokens.verify(token)
  await env.DB.prepare("UPDATE _signing_keys SET retired_at = ?").bind(START).run()
  clock.advance(5 * MINUTE)
  expect(await refusalOf(() => tokens.verify(token))).toMatchObject({ code: "unauthenticated" })
})

test("a key that signs only later is used when there is no other", async () => {
  const { kid } = await insertKey(env.DB, { signsFrom: START + 1_000 })
  expect(decodeProtectedHeader(await isolate().sign(CLAIMS)).kid).toBe(kid)
  expect(await countKeys()).toBe(1)
})

test("when every key is retired a new one is made", async () => {
  const { kid } = await insertKey(env.DB, { signsFrom: START - MINUTE, retiredAt: START })
  const tokens = isolate()
  const token = await tokens.sign(CLAIMS)
  expect(decodeProtectedHeader(token).kid).not.toBe(kid)
  expect(await tokens.verify(token)).toMatchObject({ id: ADA })
})

test("another secret makes a key of its own, and tokens of the old key verify until they expire", async () => {
  const clock = createClock()
  const token = await isolate(clock).sign(CLAIMS)
  clock.advance(1_000)
  const renewed = isolate(clock, env.DB, SECRET.toUpperCase())
  const own = await renewed.sign(CLAIMS)
  expect(decodeProtectedHeader(own).kid).not.toBe(decodeProtectedHeader(token).kid)
  expect(await countKeys()).toBe(2)
  for (const each of [token, own]) expect(await renewed.verify(each)).toMatchObject({ id: ADA })
  expect(decodeProtectedHeader(await isolate(clock).sign(CLAIMS)).kid).toBe(decodeProtectedHeader(token).kid)
  expect(await countKeys()).toBe(2)
})

test("a private key that was moved to the row of another key signs nothing", async () => {
  const first = await insertKey(env.DB)
  const second = await insertKey(env.DB, { signsFrom: START - MINUTE })
  await env.DB.prepare(
    "UPDATE _signing_keys SET private_jwk = (SELECT private_jwk FROM _signing_keys WHERE kid = ?) WHERE kid = ?",
  )
    .bind(second.kid, first.kid)
    .run()
  expect(decodeProtectedHeader(await isolate().sign(CLAIMS)).kid).toBe(second.kid)
})

test("keys cost one round trip, then none for 5 minutes", async () => {
  const clock = createClock()
  await isolate(clock).sign(CLAIMS)
  const { db, trips } = countTrips(env.DB)
  const tokens = isolate(clock, db)
  for (let i = 0; i < 3; i++) await tokens.verify(await tokens.sign({ ...CLAIMS, roles: [`role-${i}`] }))
  expect(trips()).toBe(1)
  clock.advance(5 * MINUTE)
  await tokens.sign(CLAIMS)
  await tokens.jwks()
  expect(trips()).toBe(2)
})

test("38: an unknown kid asks D1 at most once in 30 seconds", async () => {
  const clock = createClock()
  await isolate(clock).sign(CLAIMS)
  const { db, trips } = countTrips(env.DB)
  const tokens = isolate(clock, db)
  await tokens.jwks()
  const { kid, privateKey } = await insertKey(env.DB)
  await env.DB.prepare("DELETE FROM _signing_keys WHERE kid = ?").bind(kid).run()
  const unknown = await new SignJWT({}).setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid }).sign(privateKey)

  for (let i = 0; i < 5; i++) {
    expect(await refusalOf(() => tokens.verify(unknown))).toMatchObject({ code: "unauthenticated" })
  }
  expect(trips()).toBe(2)
  clock.advance(30_000)
  expect(await refusalOf(() => tokens.verify(unknown))).toMatchObject({ code: "unauthenticated" })
  expect(trips()).toBe(3)
})

test("a token of a key made since the last read is taken at once", async () => {
  const clock = createClock()
  const tokens = isolate(clock)
  await tokens.jwks()
  await env.DB.exec("DELETE FROM _signing_keys")
  const token = await isolate(clock).sign(CLAIMS)
  expect(await tokens.verify(token)).toMatchObject({ id: ADA })
})

test("a secret that is missing or short is a TypeError that names the mend", () => {
  for (const secret of ["", "x".repeat(31), undefined as unknown as string]) {
    const create = () => createTokens({ db: env.DB, secret, now: Date.now })
    expect(create).toThrow(TypeError)
    expect(create).toThrow(/run npm run dev, or set SELVEDGE_SECRET/)
  }
})

function isolate(clock = createClock(), db: D1Database = env.DB, secret = SECRET): Tokens {
  return createTokens({ db, secret, now: clock.now })
}

async function countKeys(): Promise<number> {
  return (await env.DB.prepare("SELECT count(*) AS n FROM _signing_keys").first<number>("n"))!
}

test("40: after the Worker's secret was rotated, the key goes on signing under the one before", async () => {
  const earlier = createTokens({
    db: env.DB,
    secret: "an earlier secret, with more than 32 characters",
    now: () => START,
  })
  const before = await earlier.sign(CLAIMS)
  const rotated = createTokens({
    db: env.DB,
    secret: SECRET,
    previousSecret: "an earlier secret, with more than 32 characters",
    now: () => START,
  })
  const after = await rotated.sign(CLAIMS)
  expect(decodeProtectedHeader(after).kid).toBe(decodeProtectedHeader(before).kid)
  expect(await countKeys()).toBe(1)
})
