/** Forgotten passwords, and the first password of somebody who was invited. */

import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { mint } from "../../src/auth/one-time.ts"
import { type AuthScenario, createAuthScenario, PASSWORD, tripsOf } from "./scenario.ts"

const MINUTE = 60_000
const NEW = "another long passphrase"
const REFUSED = { status: 401, body: { code: "invalid_credentials", errors: [{ pointer: "/token" }] } }

let people = 0

function newAddress(): string {
  return `reset-${++people}@example.com`
}

async function askReset(scenario: AuthScenario, email: string): Promise<string> {
  expect(await scenario.auth("password/forgot", { email })).toMatchObject({ status: 202, text: "" })
  return (await scenario.mail(email, "reset-password")).secret
}

function reset(scenario: AuthScenario, token: string, password = NEW, ip?: string) {
  return scenario.auth("password/reset", { token, password }, ip === undefined ? {} : { ip })
}

/** An account with a proved address and a session; without a password, since that costs a hash. */
async function codeUser(scenario: AuthScenario, email = newAddress()) {
  await scenario.auth("email/code", { email })
  const { secret: code } = await scenario.mail(email, "sign-in-code")
  const { body } = await scenario.auth("email/code/redeem", { email, code })
  return { ...body, email } as { user: { id: string }; accessToken: string; refreshToken: string; email: string }
}

test("6: a reset sets the password, once, ends all sessions and gives none; the owner gets a mail", async () => {
  const scenario = createAuthScenario()
  const { user, email, refreshToken, accessToken } = await codeUser(scenario)
  const token = await askReset(scenario, email)
  const before = tripsOf(scenario).length
  const answer = await reset(scenario, token)
  expect(answer).toMatchObject({ status: 200, body: { user: { id: user.id, email } } })
  expect(Object.keys(answer.body)).toEqual(["user"])
  expect(answer.headers.get("Set-Cookie")).toBeNull()
  expect(tripsOf(scenario).slice(before)).toEqual([2])
  expect(await reset(scenario, token)).toMatchObject(REFUSED)
  // 34: at once, as far as the database is asked
  expect(await scenario.auth("refresh", { refreshToken })).toMatchObject({ status: 401 })
  expect(await scenario.call("GET", "/v1/auth/user", { token: accessToken })).toMatchObject({ status: 401 })
  expect(await scenario.auth("sign-in", { email, password: NEW })).toMatchObject({ status: 200 })
  expect((await scenario.mail(email)).purpose).toBe("password-changed")
  const events = (await scenario.events(user.id)).map(({ event }) => event)
  expect(events).toEqual(["sign_up", "password_reset_asked", "password_reset", "sign_in"])
})

test("7: a known and an unknown address get the same answer at the same cost, and only the known one a mail", async () => {
  const scenario = createAuthScenario()
  const { email } = await codeUser(scenario)
  const before = tripsOf(scenario).length
  const known = await scenario.auth("password/forgot", { email })
  const unknown = await scenario.auth("password/forgot", { email: "nobody@example.com" })
  expect([known.status, known.text]).toEqual([unknown.status, unknown.text])
  expect(tripsOf(scenario).slice(before)).toEqual([1, 1])
  expect(await scenario.mails("nobody@example.com")).toHaveLength(0)
})

test("6: a reset is dead after 15 minutes, and a newer one voids it", async () => {
  const scenario = createAuthScenario()
  const { email } = await codeUser(scenario)
  const [first, second] = [await askReset(scenario, email), await askReset(scenario, email)]
  expect(await reset(scenario, first)).toMatchObject(REFUSED)
  scenario.advance(15 * MINUTE)
  expect(await reset(scenario, second)).toMatchObject(REFUSED)
})

test("6: the token is stored as a hash, and is in no log, no audit and no answer", async () => {
  const scenario = createAuthScenario()
  const { email, user } = await codeUser(scenario)
  const token = await askReset(scenario, email)
  const rows = await env.DB.prepare("SELECT * FROM _one_time WHERE user_id = ?").bind(user.id).all()
  expect(rows.results).toHaveLength(1)
  const answers = [await reset(scenario, token, "short"), await reset(scenario, token), await reset(scenario, token)]
  const lines = scenario.logged.filter(({ event }) => event !== "mail")
  const seen = JSON.stringify([rows.results, lines, await scenario.events(user.id), answers])
  for (const secret of [token, NEW]) expect(seen).not.toContain(secret)
})

test("6: a reset doesn't skip the second factor", async () => {
  const scenario = createAuthScenario()
  const { email, user } = await codeUser(scenario)
  await env.DB.prepare("UPDATE _users SET mfa = 1 WHERE id = ?").bind(user.id).run()
  expect(await reset(scenario, await askReset(scenario, email))).toMatchObject({ body: { user: { mfa: true } } })
  const { body } = await scenario.auth("sign-in", { email, password: NEW })
  expect(Object.keys(body)).toEqual(["mfa"])
})

test("2: a password that is refused leaves the token as it is", async () => {
  const scenario = createAuthScenario()
  const { email } = await codeUser(scenario)
  const token = await askReset(scenario, email)
  for (const password of ["short", "password123", email]) {
    const answer = await reset(scenario, token, password)
    expect(answer, password).toMatchObject({ status: 422, body: { errors: [{ pointer: "/password" }] } })
  }
  expect(await reset(scenario, token)).toMatchObject({ status: 200 })
})

test("12: of 20 parallel resets with one token one succeeds, and its password is the one that counts", async () => {
  const scenario = createAuthScenario()
  const { email } = await codeUser(scenario)
  const token = await askReset(scenario, email)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => reset(scenario, token, `${NEW} ${i}`, `203.0.113.${i}`)),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(19)
  const winner = answers.findIndex(({ status }) => status === 200)
  expect(await scenario.auth("sign-in", { email, password: `${NEW} ${winner}` })).toMatchObject({ status: 200 })
})

test("9: a reset lets the owner in again whom wrong guesses have locked out", async () => {
  const scenario = createAuthScenario()
  const { email } = await codeUser(scenario)
  await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      scenario.auth("sign-in", { email, password: "a wrong passphrase" }, { ip: `203.0.113.${i}` }),
    ),
  )
  expect(await scenario.auth("sign-in", { email, password: NEW })).toMatchObject({ status: 429 })
  await reset(scenario, await askReset(scenario, email))
  await scenario.settled()
  expect(await scenario.auth("sign-in", { email, password: NEW })).toMatchObject({ status: 200 })
})

test("47: a reset on an unproved account proves the address and drops what was planted, the second factor included", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const planted = await scenario.newUser(email)
  await env.DB.batch([
    env.DB.prepare("UPDATE _users SET mfa = 1 WHERE id = ?").bind(planted.user.id),
    env.DB.prepare("INSERT INTO _totps (user_id, secret, confirmed_at) VALUES (?, 's', 1)").bind(planted.user.id),
  ])
  const answer = await reset(scenario, await askReset(scenario, email))
  expect(answer).toMatchObject({
    status: 200,
    body: { user: { id: planted.user.id, emailVerified: true, mfa: false } },
  })
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({ status: 401 })
  expect(await scenario.auth("refresh", { refreshToken: planted.refreshToken })).toMatchObject({ status: 401 })
  expect(await scenario.auth("sign-in", { email, password: NEW })).toMatchObject({
    status: 200,
    body: { user: { id: planted.user.id } },
  })
})

test("a banned account can't be reset", async () => {
  const scenario = createAuthScenario()
  const { email, user } = await codeUser(scenario)
  const token = await askReset(scenario, email)
  await env.DB.prepare("UPDATE _users SET banned_until = 9e15 WHERE id = ?").bind(user.id).run()
  expect(await reset(scenario, token)).toMatchObject(REFUSED)
})

test("an invite of the operator sets the first password, once, and proves the address", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const id = crypto.randomUUID()
  const { secret, queries } = mint(scenario.now(), { purpose: "invite", userId: id, subject: id })
  await env.DB.batch([
    env.DB.prepare("INSERT INTO _users (id, email, created_at, updated_at) VALUES (?, ?, 0, 0)").bind(id, email),
    ...queries.map(({ sql, params }) => env.DB.prepare(sql).bind(...params)),
  ])
  expect(await reset(scenario, secret)).toMatchObject({ status: 200, body: { user: { id, emailVerified: true } } })
  expect(await reset(scenario, secret)).toMatchObject(REFUSED)
  expect(await scenario.auth("sign-in", { email, password: NEW })).toMatchObject({ status: 200 })
})

test("11: a secret of mail is refused where another purpose is asked for", async () => {
  const scenario = createAuthScenario()
  const { email } = await codeUser(scenario)
  const { accessToken } = await codeUser(scenario)
  const change = newAddress()
  const redirectTo = "http://localhost:8788/"
  await scenario.auth("email/change", { email: change }, { token: accessToken })
  await scenario.auth("email/link", { email, redirectTo, codeChallenge: "a".repeat(43) })
  const tokens = {
    "email/verify": (await scenario.mail(change)).secret,
    "pages/sign-in": (await scenario.mail(email, "sign-in-link")).secret,
    // the last, since it voids the link
    "password/reset": await askReset(scenario, email),
  }
  const use = (path: string, token: string) => {
    if (path === "password/reset") return reset(scenario, token)
    if (path === "exchange") return scenario.auth("exchange", { code: token, codeVerifier: "v".repeat(43) })
    if (path.startsWith("pages/")) return scenario.call("POST", `/v1/auth/${path}?token=${token}`)
    return scenario.auth(path, { token })
  }
  for (const [own, token] of Object.entries(tokens)) {
    for (const path of ["email/verify", "password/reset", "exchange", "pages/sign-in", "pages/verify", "pages/reset"]) {
      if (path.split("/")[1] === own.split("/")[1]) continue
      const { status } = await use(path, token)
      expect([400, 401, 422], `${own} at ${path}: ${status}`).toContain(status)
    }
  }
  for (const [own, token] of Object.entries(tokens)) expect((await use(own, token)).status, own).toBeLessThan(400)
})
