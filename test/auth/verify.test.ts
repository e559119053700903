/** The proof of an address: of a new account, of an account's new address, and of a sign-up that waits for it. */

import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { codeOf } from "./authenticator.ts"
import { type AuthScenario, createAuthScenario, PASSWORD, tripsOf } from "./scenario.ts"
import { codeUser, HOUR, MINUTE, newAddress, REFUSED, TAKEN, verify } from "./verify-scenario.ts"

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
  const { secret } = await late.mail(other.email)
  late.advance(24 * HOUR)
  expect(await verify(late, secret)).toMatchObject(REFUSED)
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
