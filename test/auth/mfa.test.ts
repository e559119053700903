/** Signing in with a second factor: what the first alone gives, and what a second one may try. */

import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import type { Answer } from "../fixture/scenario.ts"
import { codeOf, type Protected, protect, STEP_MS, ticketOf, wrongCode } from "./authenticator.ts"
import { createPasskeyScenario, type PasskeyScenario } from "./passkey-scenario.ts"
import { type AuthScenario, createAuthScenario, PASSWORD, tripsOf } from "./scenario.ts"

const MINUTE_MS = 60_000

type Post = (path: string, body: unknown) => Promise<Answer>

/**
 * Each way to prove a first factor, up to the answer that would have the session, which `post` asks for. Every new way
 * has its row here.
 */
const FIRST_FACTORS: Record<string, (scenario: PasskeyScenario, person: Protected, post: Post) => Promise<Answer>> = {
  password: (_, { email }, post) => post("sign-in", { email, password: PASSWORD }),
  async "a passkey that asked for no PIN"(scenario, { session }, post) {
    const key = await scenario.passkeyOf(session.accessToken)
    return post("passkeys/sign-in", {
      response: await key.get(await scenario.ask("sign-in/options"), { verified: false }),
    })
  },
}

test.each(
  Object.keys(FIRST_FACTORS).flatMap(
    (factor) =>
      [
        [factor, "the body", false],
        [factor, "a cookie", true],
      ] as const,
  ),
)("22: with the second factor on, the first alone (%s) gives no token in %s", async (factor, _, inCookie) => {
  const scenario = createPasskeyScenario()
  const post: Post = (path, body) =>
    scenario.auth(`${path}${inCookie ? "?cookie=true" : ""}`, body, { headers: { Origin: "https://edge.example" } })
  const person = await protect(scenario)
  const before = await sessionsOf(person)
  const answer = await FIRST_FACTORS[factor]!(scenario, person, post)
  expect(answer).toMatchObject({
    status: 200,
    body: { mfa: { ticket: expect.any(String), methods: ["totp", "recovery"] } },
  })
  expect(Object.keys(answer.body)).toEqual(["mfa"])
  expect(answer.headers.get("Set-Cookie")).toBe(null)
  expect(await sessionsOf(person)).toEqual(before)
  const { ticket } = answer.body.mfa
  expect(await scenario.call("GET", "/v1/cart", { token: ticket })).toMatchObject({ status: 401 })
  expect(await scenario.auth("refresh", { refreshToken: ticket })).toMatchObject({ status: 401 })
  const second = await post("mfa", { ticket, method: "totp", code: codeOf(scenario, person.seed) })
  expect(second).toMatchObject({ status: 200, body: { user: { id: person.userId, mfa: true } } })
  expect(second.headers.has("Set-Cookie")).toBe(inCookie)
  expect(second.body.refreshToken === undefined).toBe(inCookie)
})

test("a code of the app opens a session with both factors, in two trips", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const ticket = await ticketOf(scenario, person)
  const answer = await totp(scenario, ticket, codeOf(scenario, person.seed))
  expect(answer).toMatchObject({ status: 200, body: { tokenType: "Bearer", refreshToken: expect.any(String) } })
  expect((await sessionsOf(person)).at(-1)).toMatchObject({ aal: 2, amr: '["pwd","otp"]' })
  expect(tripsOf(scenario).at(-1)).toBe(2)
  expect(await totp(scenario, ticket, codeOf(scenario, person.seed, 1))).toMatchObject(DEAD_TICKET)
})

test("20: a recovery code opens a session once, however it is typed, in two trips", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const [code, next] = person.recoveryCodes as [string, string]
  const typed = ` ${code.toLowerCase().replaceAll("-", " ")}`
  expect(await recovery(scenario, await ticketOf(scenario, person), typed)).toMatchObject({ status: 200 })
  expect(tripsOf(scenario).at(-1)).toBe(2)
  expect((await sessionsOf(person)).at(-1)).toMatchObject({ aal: 2, amr: '["pwd","recovery"]' })
  const ticket = await ticketOf(scenario, person)
  expect(await recovery(scenario, ticket, code)).toMatchObject(WRONG_CODE)
  expect(await recovery(scenario, ticket, next)).toMatchObject({ status: 200 })
})

test("12: 20 tries at once with one ticket and the right code give one session", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  for (const redeem of [
    async (ticket: string) => totp(scenario, ticket, codeOf(scenario, person.seed)),
    async (ticket: string, i: number) => recovery(scenario, ticket, person.recoveryCodes[i % 10]!),
  ]) {
    const before = (await sessionsOf(person)).length
    const ticket = await ticketOf(scenario, person)
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => redeem(ticket, i)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(19)
    expect(await sessionsOf(person)).toHaveLength(before + 1)
  }
  const left = await env.DB.prepare("SELECT count(*) AS n FROM _recovery_codes WHERE user_id = ?")
    .bind(person.userId)
    .first<number>("n")
  expect(left, "the losers' recovery codes are still good").toBe(9)
})

test("12: of 20 tries at once with one recovery code, over four tickets, one opens a session", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const tickets = await ticketsOf(scenario, person, 4)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => recovery(scenario, tickets[i % 4]!, person.recoveryCodes[0]!)),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
})

test("18: a code that was accepted is not accepted again, nor is an older one", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const [first, second] = (await ticketsOf(scenario, person, 2)) as [string, string]
  expect(await totp(scenario, first, codeOf(scenario, person.seed, -1)), "the one that turned it on").toMatchObject(
    WRONG_CODE,
  )
  expect(await totp(scenario, first, codeOf(scenario, person.seed))).toMatchObject({ status: 200 })
  for (const steps of [0, -1])
    expect(await totp(scenario, second, codeOf(scenario, person.seed, steps))).toMatchObject(WRONG_CODE)
  scenario.advance(STEP_MS)
  expect(await totp(scenario, second, codeOf(scenario, person.seed))).toMatchObject({ status: 200 })
})

test("18: of parallel sign-ins with one code, each with its own ticket, one succeeds", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const tickets = await ticketsOf(scenario, person, 5)
  const code = codeOf(scenario, person.seed)
  const answers = await Promise.all(tickets.map((ticket) => totp(scenario, ticket, code)))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401])
})

test("19: after 5 wrong codes a ticket is dead, even for the right one, and even for 20 at once", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const [slow, fast] = (await ticketsOf(scenario, person, 2)) as [string, string]
  const wrong = wrongCode(scenario, person.seed)
  for (let i = 0; i < 5; i++) expect(await totp(scenario, slow, wrong)).toMatchObject(WRONG_CODE)
  expect(await totp(scenario, slow, codeOf(scenario, person.seed))).toMatchObject(DEAD_TICKET)
  expect(await recovery(scenario, slow, person.recoveryCodes[0]!)).toMatchObject(DEAD_TICKET)

  const answers = await Promise.all(Array.from({ length: 20 }, () => recovery(scenario, fast, "AAAA-BBBB")))
  expect(answers.filter(({ body }) => body.errors[0].pointer === "/code")).toHaveLength(5)
  expect(answers.filter(({ body }) => body.errors[0].pointer === "/ticket")).toHaveLength(15)
})

test("19: after 10 wrong codes in 15 minutes the authenticator is locked, while passkeys and recovery codes work", async () => {
  const scenario = createPasskeyScenario()
  const person = await protect(scenario)
  const key = await scenario.passkeyOf(person.session.accessToken)
  const wrong = wrongCode(scenario, person.seed)
  for (const ticket of await ticketsOf(scenario, person, 2)) {
    for (let i = 0; i < 5; i++) expect(await totp(scenario, ticket, wrong)).toMatchObject(WRONG_CODE)
  }
  const ticket = await ticketOf(scenario, person)
  const locked = await totp(scenario, ticket, codeOf(scenario, person.seed))
  expect(locked).toMatchObject({ status: 429, body: { code: "rate_limited" } })
  expect(Number(locked.headers.get("Retry-After"))).toBeGreaterThan(0)
  expect(await recovery(scenario, ticket, person.recoveryCodes[0]!)).toMatchObject({ status: 200 })
  expect(await scenario.signIn(key)).toMatchObject({ status: 200, body: { user: { id: person.userId } } })
  scenario.advance(15 * MINUTE_MS + 1)
  const later = await ticketOf(scenario, person)
  expect(await totp(scenario, later, codeOf(scenario, person.seed))).toMatchObject({ status: 200 })
})

test("a ticket lives for 5 minutes, and one that was made up is none", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const ticket = await ticketOf(scenario, person)
  scenario.advance(5 * MINUTE_MS)
  const code = codeOf(scenario, person.seed)
  for (const tried of [code, wrongCode(scenario, person.seed)]) {
    expect(await totp(scenario, ticket, tried)).toMatchObject(DEAD_TICKET)
  }
  expect(await totp(scenario, "A".repeat(43), code)).toMatchObject(DEAD_TICKET)
})

test("57: codes of one account open nothing with the ticket of another", async () => {
  const scenario = createAuthScenario()
  const [ada, bob] = [await protect(scenario), await protect(scenario)]
  const ticket = await ticketOf(scenario, ada)
  expect(await totp(scenario, ticket, codeOf(scenario, bob.seed))).toMatchObject(WRONG_CODE)
  expect(await recovery(scenario, ticket, bob.recoveryCodes[0]!)).toMatchObject(WRONG_CODE)
  expect(await recovery(scenario, await ticketOf(scenario, bob), bob.recoveryCodes[0]!)).toMatchObject({ status: 200 })
})

test("a ticket from before the second factor was turned off opens nothing", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const ticket = await ticketOf(scenario, person)
  await scenario.call("DELETE", "/v1/auth/totp", { token: person.session.accessToken })
  expect(await totp(scenario, ticket, codeOf(scenario, person.seed))).toMatchObject(WRONG_CODE)
  expect(await recovery(scenario, ticket, person.recoveryCodes[0]!)).toMatchObject(WRONG_CODE)
})

test("an account that was banned after the first step gets no session", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const before = await sessionsOf(person)
  const ticket = await ticketOf(scenario, person)
  await env.DB.prepare("UPDATE _users SET banned_until = 9e15 WHERE id = ?").bind(person.userId).run()
  expect(await totp(scenario, ticket, codeOf(scenario, person.seed))).toMatchObject({ status: 403 })
  expect(await sessionsOf(person)).toEqual(before)
})

test("an anonymous user's data moves once the second factor is there, and not before", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const visitor = await scenario.auth("anonymous")
  const ticket = await ticketOf(scenario, person, visitor.body.accessToken)
  const isDeleted = () =>
    env.DB.prepare("SELECT deleted_at IS NOT NULL AS deleted FROM _users WHERE id = ?")
      .bind(visitor.body.user.id)
      .first<number>("deleted")
  expect(await isDeleted()).toBe(0)
  expect(await totp(scenario, ticket, codeOf(scenario, person.seed))).toMatchObject({ status: 200 })
  expect(await isDeleted()).toBe(1)
  expect((await scenario.events(person.userId)).map(({ event }) => event)).toContain("accounts_merged")
})

test("60, 15: each refusal is in the audit, with its method and reason and without the code", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const ticket = await ticketOf(scenario, person)
  const wrong = wrongCode(scenario, person.seed)
  await scenario.auth("mfa", { ticket, method: "totp", code: wrong }, { ip: "192.0.2.7" })
  for (let i = 0; i < 6; i++) await recovery(scenario, ticket, "AAAA-BBBB")
  const events = await scenario.events(person.userId)
  const refused = events.filter(({ result }) => result === "refused")
  expect(refused.map(({ event, detail }) => [event, JSON.parse(detail!)])).toEqual([
    ["sign_in", { method: "otp", reason: "wrong code" }],
    ...Array.from({ length: 4 }, () => ["sign_in", { method: "recovery", reason: "wrong code" }]),
    ["sign_in", { method: "recovery", reason: "ticket is dead" }],
  ])
  expect(refused[0]).toMatchObject({ ip: "192.0.2.7" })
  for (const secret of [ticket, wrong, "AAAA"]) expect(JSON.stringify([events, scenario.logged])).not.toContain(secret)
})

test("60: a locked authenticator is in the audit", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const wrong = wrongCode(scenario, person.seed)
  for (const ticket of await ticketsOf(scenario, person, 2))
    for (let i = 0; i < 5; i++) await totp(scenario, ticket, wrong)
  await totp(scenario, await ticketOf(scenario, person), wrong)
  const last = (await scenario.events(person.userId)).at(-1)
  expect(last).toMatchObject({ event: "locked", result: "refused", detail: '{"flow":"secondFactor"}' })
})

test("60, 58: bodies are bounded and closed", async () => {
  const scenario = createAuthScenario()
  for (const [body, pointer] of [
    [{ ticket: "t", method: "sms", code: "1" }, "/method"],
    [{ ticket: "t", method: "totp", code: "1".repeat(513) }, "/code"],
    [{ ticket: "t".repeat(513), method: "totp", code: "1" }, "/ticket"],
    [{ ticket: "t", method: "totp", code: "1", aal: 2 }, "/aal"],
  ] as const) {
    const answer = await scenario.auth("mfa", body)
    expect(answer, pointer).toMatchObject({ status: 422, body: { errors: [{ pointer }] } })
  }
})

const WRONG_CODE = { status: 401, body: { code: "invalid_credentials", errors: [{ pointer: "/code" }] } }
const DEAD_TICKET = { status: 401, body: { code: "invalid_credentials", errors: [{ pointer: "/ticket" }] } }

function totp(scenario: AuthScenario, ticket: string, code: string): Promise<Answer> {
  return scenario.auth("mfa", { ticket, method: "totp", code })
}

function recovery(scenario: AuthScenario, ticket: string, code: string): Promise<Answer> {
  return scenario.auth("mfa", { ticket, method: "recovery", code })
}

async function ticketsOf(scenario: AuthScenario, person: Protected, count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => ticketOf(scenario, person)))
}

async function sessionsOf({ userId }: Protected): Promise<Record<string, unknown>[]> {
  const { results } = await env.DB.prepare("SELECT id, aal, amr FROM _sessions WHERE user_id = ? ORDER BY rowid")
    .bind(userId)
    .all()
  return results
}
