import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { ADA, countTrips, createClock, refusalOf, SECRET } from "./key.fixture.ts"
import { createTokens, type Tokens } from "./tokens.ts"

const CLAIMS = { subject: ADA, roles: ["staff"], lifetimeSeconds: 600 }
const { now } = createClock()

beforeEach(async () => {
  await env.DB.exec("DELETE FROM _signing_keys")
})

test("a token seen before is verified at once, without a round trip", async () => {
  const { db, trips } = countTrips(env.DB)
  const tokens = createTokens({ db, secret: SECRET, now })
  const token = await tokens.sign(CLAIMS)
  const caller = await tokens.verify(token)
  const before = trips()
  for (let i = 0; i < 100; i++) expect(tokens.verify(token)).toBe(caller)
  expect(trips()).toBe(before)
})

test("what is remembered can't be changed by a request", async () => {
  const tokens = isolate()
  const caller = await tokens.verify(await tokens.sign(CLAIMS))
  expect(() => (caller.roles as string[]).push("owner")).toThrow(TypeError)
  expect(() => Object.assign(caller, { id: "other" })).toThrow(TypeError)
})

test("a refused token is not remembered", async () => {
  const tokens = isolate()
  const token = await isolate("other").sign(CLAIMS)
  for (let i = 0; i < 3; i++) {
    const answer = tokens.verify(token)
    expect(answer).toBeInstanceOf(Promise)
    expect(await refusalOf(() => answer)).toMatchObject({ code: "unauthenticated" })
  }
})

test("an isolate remembers 1,000 tokens and forgets the oldest", async () => {
  const tokens = isolate()
  const signed: string[] = []
  for (let i = 0; i <= 1_000; i++) {
    signed.push(await tokens.sign({ ...CLAIMS, sessionId: `s${i}` }))
    await tokens.verify(signed[i]!)
  }
  expect(tokens.verify(signed[1]!)).not.toBeInstanceOf(Promise)
  expect(tokens.verify(signed[1_000]!)).not.toBeInstanceOf(Promise)
  expect(tokens.verify(signed[0]!)).toBeInstanceOf(Promise)
})

function isolate(audience = "selvedge"): Tokens {
  return createTokens({ db: env.DB, secret: SECRET, audience, now })
}
