/** The proof of an address: of a new account, of an account's new address, and of a sign-up that waits for it. */

import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { codeOf } from "./authenticator.ts"
import { type AuthScenario, createAuthScenario, PASSWORD, tripsOf } from "./scenario.ts"

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const REFUSED = { status: 401, body: { code: "invalid_credentials", errors: [{ pointer: "/token" }] } }
const TAKEN = { status: 409, body: { code: "conflict", errors: [{ pointer: "/email" }] } }

let people = 0

function newAddress(): string {
  return `verify-${++people}@example.com`
}

function verify(scenario: AuthScenario, token: string, ip?: string) {
  return scenario.auth("email/verify", { token }, ip === undefined ? {} : { ip })
}

/** An account with a proved address and no password, which costs no hash. */
async function codeUser(scenario: AuthScenario, email = newAddress()) {
  await scenario.auth("email/code", { email })
  const { secret: code } = await scenario.mail(email, "sign-in-code")
  const { status, body, text } = await scenario.auth("email/code/redeem", { email, code })
  if (status !== 200) throw new Error(text)
  return { ...body, email } as { user: { id: string }; accessToken: string; refreshToken: string; email: string }
}

test("the token of a sign-up confirms the address, once; the password and the sessions stay", async () => {
  const scenario = createAuthScenario()
  const { email, user, accessToken, refreshToken } = await scenario.newUser(newAddress())
  const { secret } = await scenario.mail(email, "verify-email")
  const before = tripsOf(scenario).length
  const answer = await verify(scenario, secret)
  expect(answer).toMatchObject({ status: 200, body: { user: { id: user.id, email, emailVerified: true } } })
  expect(Object.keys(answer.body)).toEqual(["user"])
  expect(tripsOf(scenario).slice(before)).toEqual([2])
  expect(await verify(scenario, secret)).toMatchObject(REFUSED)
  expect(await scenario.call("GET", "/v1/auth/user", { token: accessToken })).toMatchObject({ status: 200 })
  expect(await scenario.auth("refresh", { refreshToken })).toMatchObject({ status: 200 })
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({ status: 200 })
  expect((await scenario.events(user.id)).map(({ event }) => event)).toContain("email_verified")
})

/** What somebody may add to an account before its address is proved; the rows of some need no ceremony to be there. */
async function plant(scenario: AuthScenario, { user, accessToken }: { user: { id: string }; accessToken: string }) {
  const order = { name: "for later", scopes: ["cart:read"] }
  const { key } = (await scenario.auth("keys", order, { token: accessToken })).body
  const { secret } = (await scenario.auth("totp", undefined, { token: accessToken })).body
  await scenario.auth("totp/activate", { code: codeOf(scenario, secret) }, { token: accessToken })
  await env.DB.batch([
    env.DB.prepare("INSERT INTO _identities (issuer, subject, user_id, created_at) VALUES (?1, ?1, ?1, 1)").bind(
      user.id,
    ),
    env.DB.prepare(
      "INSERT INTO _passkeys (id, user_id, public_key, counter, transports, backed_up, aaguid, name, created_at) VALUES (?1, ?1, 'p', 0, '[]', 0, '', '', 1)",
    ).bind(user.id),
    env.DB.prepare(
      "INSERT INTO _one_time (purpose, hash, user_id, payload, expires_at) VALUES ('mfa', ?1, ?1, '{}', 9e15)",
    ).bind(user.id),
  ])
  return key as string
}

async function factorsOf(userId: string): Promise<Record<string, number>> {
  const tables = ["_passwords", "_identities", "_passkeys", "_totps", "_recovery_codes", "_one_time"]
  const counts = tables.map((table) => `(SELECT count(*) FROM ${table} WHERE user_id = ?1) AS ${table}`)
  const found = await env.DB.prepare(`SELECT ${counts.join(", ")}`)
    .bind(userId)
    .first<Record<string, number>>()
  return found!
}

const ONLY_PASSWORD = { _passwords: 1, _identities: 0, _passkeys: 0, _totps: 0, _recovery_codes: 0, _one_time: 0 }

test("47: whoever confirms without the account's session keeps its password, and nothing that was added to it", async () => {
  const scenario = createAuthScenario()
  const account = await scenario.newUser(newAddress())
  const key = await plant(scenario, account)
  const stranger = await codeUser(scenario)
  const { secret } = await scenario.mail(account.email, "verify-email")
  const before = tripsOf(scenario).length
  const answer = await scenario.auth("email/verify", { token: secret }, { token: stranger.accessToken })
  expect(answer).toMatchObject({
    status: 200,
    body: { user: { id: account.user.id, emailVerified: true, mfa: false } },
  })
  expect(tripsOf(scenario).slice(before)).toEqual([2])
  expect(await factorsOf(account.user.id)).toEqual(ONLY_PASSWORD)
  expect(await scenario.call("GET", "/v1/cart", { token: key })).toMatchObject({ status: 401 })
  expect(await scenario.auth("refresh", { refreshToken: account.refreshToken })).toMatchObject({ status: 200 })
})

test("47: so it is on the page, and with a session of the account that has ended", async () => {
  const scenario = createAuthScenario()
  for (const isPage of [true, false]) {
    const account = await scenario.newUser(newAddress())
    await plant(scenario, account)
    const token = (await scenario.mail(account.email, "verify-email")).secret
    if (!isPage) await scenario.auth("sign-out", undefined, { token: account.accessToken })
    const answer = isPage
      ? await scenario.call("POST", `/v1/auth/pages/verify?token=${token}`)
      : await scenario.auth("email/verify", { token }, { token: account.accessToken })
    expect(answer).toMatchObject({ status: 200 })
    expect(await factorsOf(account.user.id)).toEqual(ONLY_PASSWORD)
  }
})

test("47: whoever confirms in the account's own session keeps what they added", async () => {
  const scenario = createAuthScenario()
  const account = await scenario.newUser(newAddress())
  const key = await plant(scenario, account)
  const { secret } = await scenario.mail(account.email, "verify-email")
  const answer = await scenario.auth("email/verify", { token: secret }, { token: account.accessToken })
  expect(answer).toMatchObject({ status: 200, body: { user: { emailVerified: true, mfa: true } } })
  expect(await factorsOf(account.user.id)).toMatchObject({
    _identities: 1,
    _passkeys: 1,
    _totps: 1,
    _recovery_codes: 10,
  })
  expect(await scenario.call("GET", "/v1/cart", { token: key })).toMatchObject({ status: 200 })
})

test("47: a change of address does the same to an account without a proof, and nothing to one that had it", async () => {
  const scenario = createAuthScenario()
  for (const isProved of [false, true]) {
    const account = isProved ? await codeUser(scenario) : await scenario.newUser(newAddress())
    const change = newAddress()
    await scenario.auth("email/change", { email: change }, { token: account.accessToken })
    await plant(scenario, account)
    const answer = await verify(scenario, (await scenario.mail(change)).secret)
    expect(answer).toMatchObject({ status: 200, body: { user: { email: change, mfa: isProved } } })
    expect(await factorsOf(account.user.id)).toMatchObject({ _totps: isProved ? 1 : 0, _passkeys: isProved ? 1 : 0 })
  }
})

test("a token is dead after a day, and whoever is signed in can ask for another, which voids the one before", async () => {
  const scenario = createAuthScenario()
  const { email, accessToken } = await scenario.newUser(newAddress())
  const first = (await scenario.mail(email)).secret
  const ask = () => scenario.auth("email/verify/request", undefined, { token: accessToken })
  expect(await ask()).toMatchObject({ status: 202, text: "" })
  const second = (await scenario.mail(email, "verify-email")).secret
  expect(second).not.toBe(first)
  expect(await verify(scenario, first)).toMatchObject(REFUSED)
  expect(await verify(scenario, second)).toMatchObject({ status: 200 })
  expect(await ask()).toMatchObject({ status: 409 })
  const late = createAuthScenario()
  const other = await late.newUser(newAddress())
  late.advance(24 * HOUR)
  expect(await verify(late, (await late.mail(other.email)).secret)).toMatchObject(REFUSED)
})

test("asking for the mail again needs a session, and is limited", async () => {
  const scenario = createAuthScenario()
  expect(await scenario.auth("email/verify/request")).toMatchObject({ status: 401 })
  const anonymous = (await scenario.auth("anonymous")).body
  expect(await scenario.auth("email/verify/request", undefined, { token: anonymous.accessToken })).toMatchObject({
    status: 409,
  })
  const { accessToken } = await scenario.newUser(newAddress())
  await scenario.settled()
  const answers = []
  for (let i = 0; i < 10; i++) {
    answers.push((await scenario.auth("email/verify/request", undefined, { token: accessToken })).status)
  }
  expect(answers).toEqual([...Array(9).fill(202), 429])
})

test("12: of 20 parallel redemptions of a token one succeeds", async () => {
  const scenario = createAuthScenario()
  const { email } = await codeUser(scenario)
  const change = newAddress()
  const { accessToken } = await codeUser(scenario, email)
  await scenario.auth("email/change", { email: change }, { token: accessToken })
  const { secret } = await scenario.mail(change)
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => verify(scenario, secret, `203.0.113.${i}`)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(19)
})

test("an address changes when its new owner confirms, and the old address is told", async () => {
  const scenario = createAuthScenario()
  const { user, email, accessToken } = await codeUser(scenario)
  const change = newAddress()
  const asked = await scenario.auth("email/change", { email: change.toUpperCase() }, { token: accessToken })
  expect(asked).toMatchObject({ status: 200, body: { user: { id: user.id, email } } })
  expect(tripsOf(scenario).at(-1)).toBe(1)
  const { secret, purpose } = await scenario.mail(change)
  expect(purpose).toBe("change-email")
  expect(await verify(scenario, secret)).toMatchObject({
    status: 200,
    body: { user: { id: user.id, email: change, emailVerified: true } },
  })
  const notice = await scenario.mail(email)
  expect(notice.purpose).toBe("email-changed")
  expect(notice.text).not.toContain(change)
  const events = (await scenario.events(user.id)).map(({ event }) => event)
  expect(events.slice(-2)).toEqual(["email_change_asked", "email_changed"])
})

test("21: a change of address needs a sign-in of the last 10 minutes, in a session of an account", async () => {
  const scenario = createAuthScenario()
  const body = { email: newAddress() }
  expect(await scenario.auth("email/change", body)).toMatchObject({ status: 401 })
  const anonymous = (await scenario.auth("anonymous")).body
  expect(await scenario.auth("email/change", body, { token: anonymous.accessToken })).toMatchObject({ status: 403 })
  const { refreshToken } = await codeUser(scenario)
  scenario.advance(10 * MINUTE + 1)
  const { accessToken } = (await scenario.auth("refresh", { refreshToken })).body
  expect(await scenario.auth("email/change", body, { token: accessToken })).toMatchObject({
    status: 403,
    body: { code: "reauthentication_required" },
  })
  expect(await scenario.mails(body.email)).toHaveLength(0)
})

test("an address that another account has gets the same answer, and its owner another mail", async () => {
  const scenario = createAuthScenario()
  const { accessToken, user } = await codeUser(scenario)
  const other = await codeUser(scenario)
  const [free, taken] = [
    await scenario.auth("email/change", { email: newAddress() }, { token: accessToken }),
    await scenario.auth("email/change", { email: other.email }, { token: accessToken }),
  ]
  expect(taken).toMatchObject({ status: 200, body: free.body })
  expect((await scenario.mail(other.email)).purpose).toBe("already-registered")
  expect((await scenario.events(user.id)).at(-1)!.event).toBe("email_change_asked")
})

test("an address that has got an account meanwhile is a conflict", async () => {
  const scenario = createAuthScenario()
  const { accessToken } = await codeUser(scenario)
  const change = newAddress()
  await scenario.auth("email/change", { email: change }, { token: accessToken })
  const { secret } = await scenario.mail(change)
  await codeUser(scenario, change)
  expect(await verify(scenario, secret)).toMatchObject(TAKEN)
})

test("34: a session that has ended can't change the address any more, though its mail is there", async () => {
  const scenario = createAuthScenario()
  const { email, accessToken } = await codeUser(scenario)
  const change = newAddress()
  await scenario.auth("email/change", { email: change }, { token: accessToken })
  const owner = await codeUser(scenario, email)
  await scenario.call("DELETE", "/v1/auth/sessions", { token: owner.accessToken })
  expect(await verify(scenario, (await scenario.mail(change)).secret)).toMatchObject(REFUSED)
  const own = await scenario.call("GET", "/v1/auth/user", { token: owner.accessToken })
  expect(own.body).toMatchObject({ email })
})

test("a reset that was mailed to the former address is void once the address has changed", async () => {
  const scenario = createAuthScenario()
  const { email, accessToken } = await codeUser(scenario)
  await scenario.auth("password/forgot", { email })
  const reset = (await scenario.mail(email, "reset-password")).secret
  const change = newAddress()
  await scenario.auth("email/change", { email: change }, { token: accessToken })
  await verify(scenario, (await scenario.mail(change)).secret)
  expect(await scenario.auth("password/reset", { token: reset, password: PASSWORD })).toMatchObject(REFUSED)
})

const FIRST = { password: { verifyEmail: "first" } } as const

async function askSignUp(scenario: AuthScenario, email: string, token?: string): Promise<string> {
  const { status } = await scenario.auth("sign-up", { email, password: PASSWORD, name: "Ada" }, token ? { token } : {})
  expect(status).toBe(202)
  return (await scenario.mail(email, "verify-email")).secret
}

test("8: with verification first, the proof makes the account with the password that was given, and no session", async () => {
  const scenario = createAuthScenario(FIRST)
  const email = newAddress()
  const token = await askSignUp(scenario, email)
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({ status: 401 })
  const answer = await verify(scenario, token)
  expect(answer).toMatchObject({ status: 200, body: { user: { email, emailVerified: true, name: "Ada" } } })
  expect(Object.keys(answer.body)).toEqual(["user"])
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({
    status: 200,
    body: { user: { id: answer.body.user.id } },
  })
  expect(await verify(scenario, token)).toMatchObject(REFUSED)
})

test("47: where two sign-ups wait for one address, the proof of either makes an account without a password", async () => {
  for (const pressed of [0, 1]) {
    const scenario = createAuthScenario(FIRST)
    const email = newAddress()
    const other = newAddress()
    const passwords = ["the password of somebody else", PASSWORD]
    for (const password of passwords) await scenario.auth("sign-up", { email, password })
    await scenario.auth("sign-up", { email: other, password: PASSWORD })
    const tokens = (await scenario.mails(email)).map(({ secret }) => secret)
    const before = tripsOf(scenario).length
    const answer = await verify(scenario, tokens[pressed]!)
    expect(answer).toMatchObject({ status: 200, body: { user: { email, emailVerified: true } } })
    expect(Object.keys(answer.body)).toEqual(["user"])
    expect(tripsOf(scenario).slice(before)).toEqual([2])
    expect(await verify(scenario, tokens[1 - pressed]!)).toMatchObject(REFUSED)
    for (const password of passwords) {
      expect(await scenario.auth("sign-in", { email, password })).toMatchObject({ status: 401 })
    }
    expect((await codeUser(scenario, email)).user.id).toBe(answer.body.user.id)
    expect(await verify(scenario, (await scenario.mail(other)).secret)).toMatchObject({ status: 200 })
    expect(await scenario.auth("sign-in", { email: other, password: PASSWORD })).toMatchObject({ status: 200 })
  }
})

test("47: the page says that there is no password then; a sign-up that is too old doesn't count", async () => {
  const scenario = createAuthScenario(FIRST)
  const press = async (email: string) => {
    const { secret } = await scenario.mail(email, "verify-email")
    return (await scenario.call("POST", `/v1/auth/pages/verify?token=${secret}`)).text
  }
  const [twice, once] = [newAddress(), newAddress()]
  await askSignUp(scenario, once)
  scenario.advance(24 * HOUR)
  for (const email of [twice, twice, once]) await askSignUp(scenario, email)
  expect(await press(twice)).toContain("choose a password")
  expect(await press(once)).not.toContain("choose a password")
  expect(await scenario.auth("sign-in", { email: once, password: PASSWORD })).toMatchObject({ status: 200 })
})

test("12: of 20 parallel proofs of a sign-up one makes the account", async () => {
  const scenario = createAuthScenario(FIRST)
  const email = newAddress()
  const token = await askSignUp(scenario, email)
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => verify(scenario, token, `203.0.113.${i}`)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  const count = env.DB.prepare("SELECT count(*) AS n FROM _users WHERE email = ?").bind(email)
  expect(await count.first("n")).toBe(1)
})

test("47: the proof of a sign-up takes an unproved account over: what was planted is gone", async () => {
  const scenario = createAuthScenario(FIRST)
  const email = newAddress()
  const token = await askSignUp(scenario, email)
  const planted = await createAuthScenario().newUser(email, "the password of somebody else")
  const answer = await verify(scenario, token)
  expect(answer).toMatchObject({
    status: 200,
    body: { user: { id: planted.user.id, emailVerified: true, name: "Ada" } },
  })
  expect(await scenario.auth("refresh", { refreshToken: planted.refreshToken })).toMatchObject({ status: 401 })
  const theirs = await scenario.auth("sign-in", { email, password: "the password of somebody else" })
  expect(theirs).toMatchObject({ status: 401 })
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({ status: 200 })
})

test("the proof of a sign-up is a conflict when the address has a proved account meanwhile, whose password stays", async () => {
  const scenario = createAuthScenario(FIRST)
  const email = newAddress()
  const token = await askSignUp(scenario, email)
  const { user } = await codeUser(scenario, email)
  expect(await verify(scenario, token)).toMatchObject(TAKEN)
  const hash = env.DB.prepare("SELECT hash FROM _passwords WHERE user_id = ?").bind(user.id)
  expect(await hash.first()).toBeNull()
})

test("47: keys and factors that an anonymous user made are gone once the address that it signs up with is proved", async () => {
  const scenario = createAuthScenario(FIRST)
  const { accessToken, user } = (await scenario.auth("anonymous")).body
  const order = { name: "for later", scopes: ["cart:read"] }
  const { key } = (await scenario.auth("keys", order, { token: accessToken })).body
  const { secret } = (await scenario.auth("totp", undefined, { token: accessToken })).body
  const code = codeOf(scenario, secret)
  expect(await scenario.auth("totp/activate", { code }, { token: accessToken })).toMatchObject({ status: 200 })
  const email = newAddress()
  const answer = await verify(scenario, await askSignUp(scenario, email, accessToken))
  expect(answer).toMatchObject({ status: 200, body: { user: { id: user.id, email, emailVerified: true, mfa: false } } })
  expect(await scenario.call("GET", "/v1/cart", { token: key })).toMatchObject({ status: 401 })
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({
    status: 200,
    body: { refreshToken: expect.any(String) },
  })
})

test("an anonymous user who signs up with verification first becomes the account by the proof, and keeps the id", async () => {
  const scenario = createAuthScenario(FIRST)
  const email = newAddress()
  const visitor = (await scenario.auth("anonymous")).body
  const token = await askSignUp(scenario, email, visitor.accessToken)
  const { body } = await verify(scenario, token)
  expect(body.user).toMatchObject({ id: visitor.user.id, email, isAnonymous: false })
})

test("15: no secret gets into the audit, the log or a row", async () => {
  const scenario = createAuthScenario()
  const { user, accessToken } = await codeUser(scenario)
  const change = newAddress()
  await scenario.auth("email/change", { email: change }, { token: accessToken })
  const { secret } = await scenario.mail(change)
  const rows = await env.DB.prepare("SELECT * FROM _one_time").all()
  await verify(scenario, secret)
  const lines = scenario.logged.filter(({ event }) => event !== "mail")
  expect(JSON.stringify([rows, lines, await scenario.events(user.id)])).not.toContain(secret)
})
