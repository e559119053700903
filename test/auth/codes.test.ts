/** Sign-in with a code by mail. */

import { env } from "cloudflare:workers"
import { expect, test, vi } from "vitest"
import { type AuthScenario, createAuthScenario, PASSWORD, tripsOf } from "./scenario.ts"

const MINUTE = 60_000
const REFUSED = { status: 401, body: { code: "invalid_credentials", errors: [{ pointer: "/code" }] } }

let people = 0

/** An address that nobody has used. */
function newAddress(): string {
  return `code-${++people}@example.com`
}

async function askCode(scenario: AuthScenario, email: string): Promise<string> {
  expect(await scenario.auth("email/code", { email })).toMatchObject({ status: 202, text: "" })
  return (await scenario.mail(email, "sign-in-code")).secret
}

/** Any other code. */
function wrong(code: string): string {
  return String((Number(code) + 1) % 1_000_000).padStart(6, "0")
}

function redeem(scenario: AuthScenario, email: string, code: string, token?: string) {
  return scenario.auth("email/code/redeem", { email, code }, token === undefined ? {} : { token })
}

test("an unknown address gets an account with a proved address; the same address again signs in to it", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const first = await redeem(scenario, email.toUpperCase(), await askCode(scenario, email))
  expect(first).toMatchObject({
    status: 200,
    body: { user: { email, emailVerified: true, isAnonymous: false }, refreshToken: expect.any(String) },
  })
  const second = await redeem(scenario, email, await askCode(scenario, email))
  expect(second.body.user).toEqual(first.body.user)
  const events = await scenario.events(first.body.user.id)
  expect(events.map(({ event, detail }) => [event, detail])).toEqual([
    ["sign_up", '{"method":"email-code"}'],
    ["sign_in", '{"method":"email-code"}'],
  ])
})

test("7: a known and an unknown address get the same answers at the same cost", async () => {
  const scenario = createAuthScenario()
  const known = newAddress()
  await redeem(scenario, known, await askCode(scenario, known))
  const costs = []
  for (const email of [known, newAddress()]) {
    const before = tripsOf(scenario).length
    const asked = await scenario.auth("email/code", { email })
    const { secret, subject } = await scenario.mail(email)
    const missed = await redeem(scenario, email, wrong(secret))
    const signedIn = await redeem(scenario, email, secret)
    costs.push({
      trips: tripsOf(scenario).slice(before),
      asked: [asked.status, asked.text, subject],
      missed: { ...missed.body, requestId: "" },
      signedIn: signedIn.status,
    })
  }
  expect(costs[0]).toEqual(costs[1])
  expect(costs[0]).toMatchObject({ trips: [1, 1, 2], signedIn: 200 })
})

test("13: a code has six digits, is dead after 10 minutes, and a new one voids it", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const first = await askCode(scenario, email)
  expect(first).toMatch(/^\d{6}$/)
  let second = await askCode(scenario, email)
  while (second === first) second = await askCode(scenario, email)
  expect(await redeem(scenario, email, first)).toMatchObject(REFUSED)
  scenario.advance(10 * MINUTE)
  expect(await redeem(scenario, email, second)).toMatchObject(REFUSED)
  const third = await askCode(scenario, email)
  scenario.advance(10 * MINUTE - 1)
  expect(await redeem(scenario, email, third)).toMatchObject({ status: 200 })
})

test("13: a sixth attempt is refused even with the right code, and attempts at once are all counted", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const code = await askCode(scenario, email)
  const wrongs = await Promise.all(
    Array.from({ length: 5 }, (_, i) => redeem(scenario, email, wrong(String(Number(code) + i)))),
  )
  for (const answer of wrongs) expect(answer).toMatchObject(REFUSED)
  expect(await redeem(scenario, email, code)).toMatchObject(REFUSED)
  const next = await askCode(scenario, email)
  for (let i = 0; i < 4; i++) await redeem(scenario, email, wrong(next))
  expect(await redeem(scenario, email, next)).toMatchObject({ status: 200 })
})

test("10: wrong codes are limited for an address, however many codes are sent for", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const answers = []
  for (let i = 0; i < 5; i++) {
    const code = await askCode(scenario, email)
    for (let j = 0; j < 5; j++) answers.push((await redeem(scenario, email, wrong(code))).status)
  }
  expect(answers).toEqual([...Array(20).fill(401), ...Array(5).fill(429)])
})

test("10: mails to one address are limited, with the same answer for all", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const answers = await Promise.all(Array.from({ length: 12 }, () => scenario.auth("email/code", { email })))
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(10)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(2)
  // each voids the one before, whose mail hasn't gone yet
  expect(await scenario.mails(email)).toHaveLength(1)
})

test("12: of 20 parallel redemptions of the right code one succeeds, with one account and one session", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const code = await askCode(scenario, email)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      scenario.auth("email/code/redeem", { email, code }, { ip: `203.0.113.${i + 1}` }),
    ),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(19)
  const { user } = answers.find(({ status }) => status === 200)!.body
  const sessions = env.DB.prepare("SELECT count(*) AS n FROM _sessions WHERE user_id = ?").bind(user.id)
  expect(await sessions.first("n")).toBe(1)
  expect(await redeem(scenario, email, code)).toMatchObject(REFUSED)
})

test("15: neither the code nor an address stands in the row, the log or the audit", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const code = await askCode(scenario, email)
  const rows = await env.DB.prepare("SELECT * FROM _one_time WHERE purpose = 'sign-in-code'").all()
  const missed = await redeem(scenario, email, wrong(code))
  const { body } = await redeem(scenario, email, code)
  const events = await scenario.events(body.user.id)
  const lines = scenario.logged.filter((line) => line.event !== "mail")
  for (const text of [
    rows.results,
    events.map(({ event, detail }) => [event, detail]),
    lines.map(withoutNumbers),
    missed,
  ]) {
    expect(JSON.stringify(text)).not.toMatch(new RegExp(`(?<![0-9A-Za-z_-])${code}(?![0-9A-Za-z_-])`))
    expect(JSON.stringify(text)).not.toContain(email)
  }
})

/** Times and sizes may hold any digits. */
function withoutNumbers(line: Record<string, unknown>): unknown[] {
  return Object.values(line).filter((value) => typeof value === "string")
}

test("47: a code on an unproved account drops the password, sessions, keys and factors that were planted", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const planted = await scenario.newUser(email)
  await plant(planted.user.id)
  const { body } = await redeem(scenario, email, await askCode(scenario, email))
  expect(body.user).toMatchObject({ id: planted.user.id, emailVerified: true, mfa: false })
  expect(body.refreshToken).toEqual(expect.any(String))
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({ status: 401 })
  expect(await scenario.auth("refresh", { refreshToken: planted.refreshToken })).toMatchObject({ status: 401 })
  expect(await scenario.auth("refresh", { refreshToken: body.refreshToken })).toMatchObject({ status: 200 })
  expect(await credentialsOf(planted.user.id)).toEqual([0, 0, 0, 0, 0, 0])
  expect((await scenario.events(planted.user.id)).map(({ event }) => event)).toContain("email_verified")
})

test("a code on a proved account leaves its credentials alone, and asks for its second factor", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const { user } = await scenario.newUser(email)
  await plant(user.id)
  await env.DB.prepare("UPDATE _users SET email_verified = 1 WHERE id = ?").bind(user.id).run()
  const { status, body } = await redeem(scenario, email, await askCode(scenario, email))
  expect({ status, body }).toEqual({
    status: 200,
    body: { mfa: { ticket: expect.any(String), methods: ["totp", "recovery"] } },
  })
  expect(await credentialsOf(user.id)).toEqual([1, 1, 1, 1, 1, 1])
})

async function plant(id: string): Promise<void> {
  const at = Date.now()
  await env.DB.batch([
    env.DB.prepare("UPDATE _users SET mfa = 1 WHERE id = ?").bind(id),
    env.DB.prepare("INSERT INTO _identities (issuer, subject, user_id, created_at) VALUES ('i', ?1, ?1, ?2)").bind(
      id,
      at,
    ),
    env.DB.prepare(
      `INSERT INTO _passkeys (id, user_id, public_key, counter, transports, backed_up, aaguid, name, created_at)
VALUES (?1, ?1, 'k', 0, '[]', 0, 'a', 'n', ?2)`,
    ).bind(id, at),
    env.DB.prepare("INSERT INTO _totps (user_id, secret, confirmed_at) VALUES (?, 's', ?)").bind(id, at),
    env.DB.prepare("INSERT INTO _recovery_codes (user_id, hash) VALUES (?, 'h')").bind(id),
    env.DB.prepare(
      `INSERT INTO _keys (id, hash, prefix, kind, user_id, name, scopes, created_at)
VALUES (?1, ?1, 'p', 'api', ?1, 'n', '[]', ?2)`,
    ).bind(id, at),
  ])
}

async function credentialsOf(id: string): Promise<number[]> {
  const tables = ["_passwords", "_identities", "_passkeys", "_totps", "_recovery_codes"]
  const counts = [
    ...tables.map((table) => `SELECT count(*) AS n FROM ${table} WHERE user_id = ?`),
    "SELECT count(*) AS n FROM _keys WHERE user_id = ? AND revoked_at IS NULL",
  ]
  const results = await env.DB.batch<{ n: number }>(counts.map((sql) => env.DB.prepare(sql).bind(id)))
  return results.map(({ results }) => results[0]!.n)
}

test("an anonymous user who redeems a code keeps the id when the address is new, and is merged when it isn't", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const visitor = (await scenario.auth("anonymous")).body
  const { body } = await redeem(scenario, email, await askCode(scenario, email), visitor.accessToken)
  expect(body.user).toMatchObject({ id: visitor.user.id, email, emailVerified: true, isAnonymous: false })
  const other = (await scenario.auth("anonymous")).body
  const again = await redeem(scenario, email, await askCode(scenario, email), other.accessToken)
  expect(again.body.user.id).toBe(visitor.user.id)
  const merged = await scenario.events(visitor.user.id)
  expect(merged.find(({ event }) => event === "accounts_merged")?.detail).toBe(`{"from":"${other.user.id}"}`)
})

test("a token of a user who isn't anonymous any more still lets another address sign up", async () => {
  const scenario = createAuthScenario()
  const visitor = (await scenario.auth("anonymous")).body
  const [first, second] = [newAddress(), newAddress()]
  await redeem(scenario, first, await askCode(scenario, first), visitor.accessToken)
  const { status, body } = await redeem(scenario, second, await askCode(scenario, second), visitor.accessToken)
  expect({ status, email: body.user?.email }).toEqual({ status: 200, email: second })
  expect(body.user.id).not.toBe(visitor.user.id)
})

test("a banned account gets no session, and no account is made beside it", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const { body } = await redeem(scenario, email, await askCode(scenario, email))
  const code = await askCode(scenario, email)
  await env.DB.prepare("UPDATE _users SET banned_until = 9e15 WHERE id = ?").bind(body.user.id).run()
  expect(await redeem(scenario, email, code)).toMatchObject({ status: 403 })
})

test("without the setting there is no such route", async () => {
  const scenario = createAuthScenario({ emailCode: false })
  expect(await scenario.auth("email/code", { email: newAddress() })).toMatchObject({ status: 404 })
})

test("47: an account whose address changes while a code for it is checked is not opened by the code", async () => {
  const scenario = createAuthScenario()
  const [email, later] = [newAddress(), newAddress()]
  const { user } = (await redeem(scenario, email, await askCode(scenario, email))).body
  const code = await askCode(scenario, email)
  const original = crypto.subtle.timingSafeEqual.bind(crypto.subtle)
  let moved: Promise<unknown> | undefined
  const spy = vi.spyOn(crypto.subtle, "timingSafeEqual").mockImplementation((a, b) => {
    moved ??= env.DB.prepare("UPDATE _users SET email = ? WHERE id = ?").bind(later, user.id).run()
    return original(a, b)
  })
  const answer = await redeem(scenario, email, code)
  spy.mockRestore()
  await moved
  expect(answer).toMatchObject({ status: 200, body: { user: { email, emailVerified: true } } })
  expect(answer.body.user.id).not.toBe(user.id)
})
