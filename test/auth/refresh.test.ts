/** Refresh tokens: rotation, replay, parallel use, and the ends of a session. */

import { env } from "cloudflare:workers"
import fc from "fast-check"
import { expect, test } from "vitest"
import { resolveAuth } from "../../src/auth/settings.ts"
import { runs, TIMEOUT } from "../property/runs.ts"
import { type AuthScenario, createAuthScenario, PASSWORD, type SessionBody, tripsOf } from "./scenario.ts"

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

function refresh(scenario: AuthScenario, refreshToken: string, key?: string) {
  return scenario.auth("refresh", { refreshToken }, key === undefined ? {} : { headers: { "Idempotency-Key": key } })
}

async function newSession(scenario: AuthScenario): Promise<SessionBody> {
  const { status, body, text } = await scenario.auth("anonymous")
  if (status !== 201) throw new Error(text)
  return body
}

async function reuses(scenario: AuthScenario, userId: string): Promise<number> {
  return (await scenario.events(userId)).filter(({ event }) => event === "token_reused").length
}

const REFUSED = { status: 401, body: { code: "invalid_credentials" } }

test("a refresh gives a new access token and a new refresh token, in one trip", async () => {
  const scenario = createAuthScenario()
  const session = await newSession(scenario)
  scenario.advance(1_000)
  const answer = await refresh(scenario, session.refreshToken)
  expect(answer).toMatchObject({ status: 200, body: { user: session.user, tokenType: "Bearer", expiresIn: 600 } })
  expect(answer.body.refreshToken).not.toBe(session.refreshToken)
  expect(answer.body.accessToken).not.toBe(session.accessToken)
  expect(answer.headers.get("Cache-Control")).toBe("private, no-store")
  expect(tripsOf(scenario).at(-1)).toBe(1)
  const sessions = await scenario.call("GET", "/v1/auth/sessions", { token: answer.body.accessToken })
  expect(sessions.body.data).toHaveLength(1)
})

test("28: each sign-in makes a session of its own, and adopts no token that the client brings", async () => {
  const scenario = createAuthScenario()
  const { email, refreshToken, accessToken } = await scenario.newUser()
  const planted = { Cookie: `__Host-selvedge=${refreshToken}`, Origin: "http://localhost:8788" }
  const answer = await scenario.auth("sign-in", { email, password: PASSWORD }, { token: accessToken, headers: planted })
  const [id, given] = [refreshToken, answer.body.refreshToken].map((token) => token.split(".")[0])
  expect(answer.status).toBe(200)
  expect(given).not.toBe(id)
  expect(given).toMatch(/^[\w-]{22}$/)
  const inBody = await scenario.auth("sign-in", { email, password: PASSWORD, refreshToken })
  expect(inBody).toMatchObject({ status: 422, body: { errors: [{ pointer: "/refreshToken" }] } })
})

test("29: no row of the database holds a refresh token, or the part of it that is secret", async () => {
  const scenario = createAuthScenario()
  const { user, refreshToken } = await newSession(scenario)
  const { body } = await refresh(scenario, refreshToken, "a key of the client")
  const { results } = await env.DB.prepare("SELECT * FROM _sessions WHERE user_id = ?").bind(user.id).all()
  expect(results).toHaveLength(1)
  expect(results[0]).toMatchObject({ generation: 2, refresh_hash: expect.stringMatching(/^[\w-]{43}$/) })
  const stored = JSON.stringify(results)
  for (const token of [refreshToken, body.refreshToken]) {
    expect(stored).not.toContain(token)
    expect(stored).not.toContain(token.split(".")[2])
  }
  expect(stored).not.toContain("a key of the client")
})

test("30: an older token, at any depth, ends the family and writes one audit event", async () => {
  for (const depth of [1, 2, 5]) {
    const scenario = createAuthScenario()
    const { user, refreshToken } = await newSession(scenario)
    let newest = refreshToken
    for (let i = 0; i < depth; i++) {
      newest = (await refresh(scenario, newest, `step ${i}`)).body.refreshToken
      scenario.advance(MINUTE + 1)
    }
    expect(await refresh(scenario, refreshToken, "step 0"), `depth ${depth}`).toMatchObject(REFUSED)
    expect(await refresh(scenario, newest)).toMatchObject(REFUSED)
    expect(await refresh(scenario, refreshToken)).toMatchObject(REFUSED)
    expect(await reuses(scenario, user.id)).toBe(1)
    expect((await scenario.events(user.id)).at(-1)).toMatchObject({ result: "refused", actor: null })
  }
})

test("30: two generations back ends the family even in the same second and under the same key", async () => {
  const scenario = createAuthScenario()
  const { user, refreshToken } = await newSession(scenario)
  const second = (await refresh(scenario, refreshToken, "key")).body.refreshToken
  const third = (await refresh(scenario, second, "key")).body.refreshToken
  expect(await refresh(scenario, refreshToken, "key")).toMatchObject(REFUSED)
  expect(await refresh(scenario, third)).toMatchObject(REFUSED)
  expect(await reuses(scenario, user.id)).toBe(1)
})

test("30: the one before the newest gets the same successor within 60 seconds under the same key", async () => {
  const scenario = createAuthScenario()
  const { user, refreshToken } = await newSession(scenario)
  const first = await refresh(scenario, refreshToken, "lost answer")
  scenario.advance(MINUTE - 1)
  const repeat = await refresh(scenario, refreshToken, "lost answer")
  expect(repeat).toMatchObject({ status: 200, body: { refreshToken: first.body.refreshToken } })
  expect(await refresh(scenario, repeat.body.refreshToken)).toMatchObject({ status: 200 })
  expect(await reuses(scenario, user.id)).toBe(0)
})

test("30: after 60 seconds the same key is no excuse", async () => {
  const scenario = createAuthScenario()
  const { refreshToken } = await newSession(scenario)
  const next = (await refresh(scenario, refreshToken, "lost answer")).body.refreshToken
  scenario.advance(MINUTE)
  expect(await refresh(scenario, refreshToken, "lost answer")).toMatchObject(REFUSED)
  expect(await refresh(scenario, next)).toMatchObject(REFUSED)
})

test("30: within 10 seconds another key, or none, is refused and nothing ends; after them it does", async () => {
  const scenario = createAuthScenario()
  const { user, refreshToken } = await newSession(scenario)
  const next = (await refresh(scenario, refreshToken, "first tab")).body.refreshToken
  scenario.advance(10_000 - 1)
  expect(await refresh(scenario, refreshToken, "second tab")).toMatchObject(REFUSED)
  expect(await refresh(scenario, refreshToken)).toMatchObject(REFUSED)
  expect(await reuses(scenario, user.id)).toBe(0)
  scenario.advance(1)
  expect(await refresh(scenario, refreshToken, "second tab")).toMatchObject(REFUSED)
  expect(await reuses(scenario, user.id)).toBe(1)
  expect(await refresh(scenario, next)).toMatchObject(REFUSED)
})

test("30: a forged token does nothing, and costs no trip", async () => {
  const scenario = createAuthScenario()
  const { user, refreshToken } = await newSession(scenario)
  const [id, , mac] = refreshToken.split(".") as [string, string, string]
  const { trips } = scenario.counted
  const other = (await newSession(createAuthScenario())).refreshToken.split(".")[2]
  const forged = [`${id}.2.${mac}`, `${id}.1.${other}`, `${id}.01.${mac}`, `${id}.1.${mac}x`, `${id}.1.`, "x", id]
  for (const token of forged) expect(await refresh(scenario, token), token).toMatchObject(REFUSED)
  expect(scenario.counted.trips).toBe(trips)
  expect(await reuses(scenario, user.id)).toBe(0)
  expect(await refresh(scenario, refreshToken)).toMatchObject({ status: 200 })
})

test("31: of 20 refreshes at once with one key all get the same new token", async () => {
  const scenario = createAuthScenario()
  const { user, refreshToken } = await newSession(scenario)
  const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(scenario, refreshToken, "one key")))
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
  const given = new Set(answers.map(({ body }) => body.refreshToken))
  expect(given.size).toBe(1)
  expect(await reuses(scenario, user.id)).toBe(0)
  expect(await refresh(scenario, [...given][0])).toMatchObject({ status: 200 })
})

test("31: of 20 refreshes at once with 20 keys one gets it, 19 are refused, and nobody is signed out", async () => {
  const scenario = createAuthScenario()
  const { user, refreshToken } = await newSession(scenario)
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => refresh(scenario, refreshToken, `key ${i}`)))
  const winners = answers.filter(({ status }) => status === 200)
  expect(winners).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(19)
  expect(await reuses(scenario, user.id)).toBe(0)
  expect(await refresh(scenario, winners[0]!.body.refreshToken)).toMatchObject({ status: 200 })
})

test("32: a session that isn't refreshed ends after the idle time, and each refresh begins it again", async () => {
  const scenario = createAuthScenario({ sessions: { idleDays: 2, absoluteDays: 30 } })
  let { refreshToken } = await newSession(scenario)
  for (let i = 0; i < 3; i++) {
    scenario.advance(2 * DAY - 1)
    const answer = await refresh(scenario, refreshToken)
    expect(answer.status).toBe(200)
    refreshToken = answer.body.refreshToken
  }
  scenario.advance(2 * DAY)
  expect(await refresh(scenario, refreshToken)).toMatchObject(REFUSED)
})

test("32: the absolute lifetime ends a session however often it is refreshed", async () => {
  const scenario = createAuthScenario({ sessions: { idleDays: 2, absoluteDays: 3 } })
  const session = await newSession(scenario)
  const expiry = () =>
    env.DB.prepare("SELECT expires_at, idle_at FROM _sessions WHERE user_id = ?")
      .bind(session.user.id)
      .first<{ expires_at: number; idle_at: number }>()
  const before = await expiry()
  let { refreshToken } = session
  for (let i = 0; i < 2; i++) {
    scenario.advance(1.25 * DAY)
    const answer = await refresh(scenario, refreshToken)
    expect(answer.status).toBe(200)
    refreshToken = answer.body.refreshToken
  }
  expect(await expiry()).toEqual({ expires_at: before!.expires_at, idle_at: before!.expires_at })
  scenario.advance(0.5 * DAY)
  expect(await refresh(scenario, refreshToken)).toMatchObject(REFUSED)
})

test("a ban keeps its refresh token for the day it is lifted", async () => {
  const scenario = createAuthScenario()
  const { user, refreshToken } = await newSession(scenario)
  const ban = (until: number | null) =>
    env.DB.prepare("UPDATE _users SET banned_until = ? WHERE id = ?").bind(until, user.id).run()
  await ban(scenario.now() + DAY)
  expect(await refresh(scenario, refreshToken)).toMatchObject(REFUSED)
  scenario.advance(DAY)
  expect(await refresh(scenario, refreshToken)).toMatchObject({ status: 200 })
})

/** The session as statements 30 to 32 tell it, of which the tests above show single cases. */
class Model {
  generation = 1
  rotatedAt: number
  rotatedKey: string | undefined
  idleAt: number
  readonly expiresAt: number
  ended = false
  reuses = 0

  constructor(at: number) {
    this.rotatedAt = at
    this.idleAt = Math.min(at + IDLE, at + ABSOLUTE)
    this.expiresAt = at + ABSOLUTE
  }

  /** @returns The generation of the token that is given, if any. */
  refresh(generation: number, key: string, at: number): number | undefined {
    if (this.ended) return undefined
    if (generation === this.generation) {
      if (at >= this.expiresAt || at >= this.idleAt) return undefined
      this.generation++
      this.rotatedAt = at
      this.rotatedKey = key
      this.idleAt = Math.min(at + IDLE, this.expiresAt)
      return this.generation
    }
    const age = at - this.rotatedAt
    const isPrevious = generation === this.generation - 1
    if (isPrevious && key === this.rotatedKey && age < MINUTE) return at < this.expiresAt ? this.generation : undefined
    if (isPrevious && key !== this.rotatedKey && age < 10_000) return undefined
    this.ended = true
    this.reuses++
    return undefined
  }
}

const { idleMs: IDLE, absoluteMs: ABSOLUTE } = resolveAuth({
  name: "The film shop",
  sessions: { idleDays: 2, absoluteDays: 5 },
})

test("30, 32: any sequence of refreshes, replays and waits ends as the model says", { timeout: TIMEOUT }, async () => {
  const step = fc.record({
    /** How many generations back. */
    back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.constant(1) }, fc.nat(4)),
    key: fc.constantFrom("a", "b"),
    wait: fc.constantFrom(0, 0, 0, 1, 9_999, 10_000, 50_000, MINUTE, DAY, 2 * DAY - 1, 2 * DAY),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const scenario = createAuthScenario({ sessions: { idleDays: 2, absoluteDays: 5 } })
      const { user, refreshToken } = await newSession(scenario)
      const model = new Model(scenario.now())
      const tokens = ["", refreshToken]
      for (const { back, key, wait } of steps) {
        scenario.advance(wait)
        const generation = Math.max(1, model.generation - back)
        const expected = model.refresh(generation, key, scenario.now())
        const { status, body } = await refresh(scenario, tokens[generation]!, key)
        expect(status).toBe(expected ? 200 : 401)
        if (!expected) continue
        tokens[expected] ??= body.refreshToken
        expect(body.refreshToken).toBe(tokens[expected])
      }
      expect(await reuses(scenario, user.id)).toBe(model.reuses)
    }),
    runs(40, 2_000),
  )
})
