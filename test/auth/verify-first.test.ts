/** Sign-up where an account exists only once its address is proved. */

import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { codeOf } from "./authenticator.ts"
import { type AuthScenario, createAuthScenario, PASSWORD, tripsOf } from "./scenario.ts"
import { codeUser, HOUR, newAddress, REFUSED, TAKEN, verify } from "./verify-scenario.ts"

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
