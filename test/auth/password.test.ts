/** Sign-up and sign-in with e-mail and password. */

import { env } from "cloudflare:workers"
import { expect, test, vi } from "vitest"
import argon2 from "../../src/auth/argon2.wasm"
import { createPasswords } from "../../src/auth/passwords.ts"
import { createSecrets } from "../../src/auth/secrets.ts"
import { createAuthScenario, PASSWORD, tripsOf } from "./scenario.ts"

test("whoever signs up is signed in, and gets a mail to prove the address", async () => {
  const scenario = createAuthScenario()
  const answer = await scenario.auth("sign-up", { email: "Ada@Example.com", password: PASSWORD, name: "Ada" })
  expect(answer.status).toBe(201)
  expect(answer.body).toEqual({
    user: {
      id: expect.any(String),
      email: "ada@example.com",
      emailVerified: false,
      name: "Ada",
      roles: [],
      isAnonymous: false,
      mfa: false,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    },
    accessToken: expect.any(String),
    tokenType: "Bearer",
    expiresIn: 600,
    refreshToken: expect.any(String),
  })
  expect(await scenario.mail("ada@example.com")).toMatchObject({ purpose: "verify-email" })
  const cart = await scenario.call("GET", "/v1/cart", { token: answer.body.accessToken })
  expect(cart).toMatchObject({ status: 200, body: { data: [] } })
})

test("an address that has an account is a conflict, however it is spelled", async () => {
  const scenario = createAuthScenario()
  const { email } = await scenario.newUser()
  const answer = await scenario.auth("sign-up", { email: email.toUpperCase(), password: PASSWORD })
  expect(answer).toMatchObject({ status: 409, body: { code: "conflict", errors: [{ pointer: "/email" }] } })
})

test("7: a wrong password and an unknown address get the same answer, at the same cost", async () => {
  const scenario = createAuthScenario()
  const { email } = await scenario.newUser()
  const wrong = await scenario.auth("sign-in", { email, password: "not the passphrase" })
  const unknown = await scenario.auth("sign-in", { email: "nobody@example.com", password: PASSWORD })
  expect(wrong.status).toBe(401)
  const said = ({ body }: typeof wrong) => ({ ...body, requestId: "" })
  expect(said(wrong)).toEqual(said(unknown))
  expect(said(wrong)).toMatchObject({ code: "invalid_credentials" })
  expect(tripsOf(scenario).slice(1)).toEqual([1, 1])
})

test("sign-in costs two trips, sign-up one", async () => {
  const scenario = createAuthScenario()
  const { email } = await scenario.newUser()
  await scenario.auth("sign-in", { email, password: PASSWORD })
  expect(tripsOf(scenario)).toEqual([1, 2])
})

test("9: after 10 wrong passwords in 5 minutes even the right one is 429, and exactly 10 of 100 at once pass", async () => {
  const scenario = createAuthScenario()
  const { email } = await scenario.newUser()
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      scenario.auth("sign-in", { email, password: `wrong password ${i}` }, { ip: `203.0.113.${i}` }),
    ),
  )
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(10)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(90)
  const right = await scenario.auth("sign-in", { email, password: PASSWORD })
  expect(right).toMatchObject({ status: 429, body: { code: "rate_limited" } })
  expect(Number(right.headers.get("Retry-After"))).toBeGreaterThan(0)
  scenario.advance(5 * 60_000 + 1)
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({ status: 200 })
})

test("60: sign-up, sign-in and a refusal are in the audit, with address and result", async () => {
  const scenario = createAuthScenario()
  const { email, user } = await scenario.newUser()
  await scenario.auth("sign-in", { email, password: PASSWORD }, { ip: "192.0.2.7" })
  await scenario.auth("sign-in", { email, password: "not the passphrase" }, { ip: "192.0.2.8" })
  const events = await scenario.events(user.id)
  expect(events.map(({ event, result, ip }) => [event, result, ip])).toEqual([
    ["sign_up", "ok", expect.any(String)],
    ["sign_in", "ok", "192.0.2.7"],
    ["sign_in", "refused", "192.0.2.8"],
  ])
})

test("2: a common password, or one with the address or the project's name in it, is refused with a pointer", async () => {
  const scenario = createAuthScenario()
  for (const password of ["password123", "person-99@example.com!", "the film shop 1"]) {
    const answer = await scenario.auth("sign-up", { email: "person-99@example.com", password })
    expect(answer, password).toMatchObject({ status: 422, body: { errors: [{ pointer: "/password" }] } })
  }
})

test("3: what is stored is a PHC string of argon2id", async () => {
  const scenario = createAuthScenario()
  const { user } = await scenario.newUser()
  const hash = await env.DB.prepare("SELECT hash FROM _passwords WHERE user_id = ?").bind(user.id).first<string>("hash")
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1,keyid=[\w+/]+\$[\w+/]{22}\$[\w+/]{43}$/)
})

test("58: fields that are not the client's to set are refused", async () => {
  const scenario = createAuthScenario()
  const body = { email: "x@example.com", password: PASSWORD, roles: ["admin"], emailVerified: true }
  const answer = await scenario.auth("sign-up", body)
  expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toEqual(["/roles", "/emailVerified"])
})

test("with verification first, a known and an unknown address get the same 202, and the owner a mail", async () => {
  const scenario = createAuthScenario({ password: { verifyEmail: "first" } })
  const known = createAuthScenario()
  const { email } = await known.newUser()
  const answers = [
    await scenario.auth("sign-up", { email, password: PASSWORD }),
    await scenario.auth("sign-up", { email: "fresh@example.com", password: PASSWORD }),
  ]
  expect(answers.map(({ status, text }) => [status, text])).toEqual([
    [202, ""],
    [202, ""],
  ])
  expect(await scenario.mail(email)).toMatchObject({ purpose: "already-registered" })
  expect(await scenario.mail("fresh@example.com")).toMatchObject({ purpose: "verify-email" })
})

test("6: an old password that is being checked while a new one is set opens no session", async () => {
  const scenario = createAuthScenario()
  const { email, user } = await scenario.newUser()
  const original = crypto.subtle.timingSafeEqual.bind(crypto.subtle)
  let changed: Promise<unknown> | undefined
  const spy = vi.spyOn(crypto.subtle, "timingSafeEqual").mockImplementation((a, b) => {
    changed ??= env.DB.prepare("UPDATE _passwords SET hash = 'another' WHERE user_id = ?").bind(user.id).run()
    return original(a, b)
  })
  const answer = await scenario.auth("sign-in", { email, password: PASSWORD })
  spy.mockRestore()
  await changed
  expect(answer).toMatchObject({ status: 401, body: { code: "invalid_credentials" } })
})

test("4: parallel sign-ins while a hash is rewritten all succeed", async () => {
  const scenario = createAuthScenario()
  const { email, user } = await scenario.newUser()
  const previousSecret = "an earlier secret, with more than 32 characters"
  const older = createPasswords({ module: argon2, secrets: createSecrets(previousSecret) })
  await env.DB.prepare("UPDATE _passwords SET hash = ? WHERE user_id = ?")
    .bind(await older.hash(PASSWORD), user.id)
    .run()
  const rotated = createAuthScenario({}, {}, { previousSecret })
  const answers = await Promise.all([1, 2, 3].map(() => rotated.auth("sign-in", { email, password: PASSWORD })))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  const hash = await env.DB.prepare("SELECT hash FROM _passwords WHERE user_id = ?").bind(user.id).first<string>("hash")
  expect(hash).toContain(
    `keyid=${createSecrets(env.SELVEDGE_SECRET).current.id.replaceAll("-", "+").replaceAll("_", "/")}$`,
  )
})

test("60: a lock is in the audit once, not once for each attempt that it refuses", async () => {
  const scenario = createAuthScenario()
  const { email, user } = await scenario.newUser()
  for (let i = 0; i < 13; i++) await scenario.auth("sign-in", { email, password: `wrong password ${i}` })
  const locks = (await scenario.events(user.id)).filter(({ event }) => event === "locked")
  expect(locks).toMatchObject([{ result: "refused", detail: '{"flow":"signIn"}', ip: expect.any(String) }])
})
