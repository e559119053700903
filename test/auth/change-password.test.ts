/** A new password for one who is signed in. */

import { createHash } from "node:crypto"
import { expect, test } from "vitest"
import { type AuthScenario, createAuthScenario, PASSWORD, tripsOf } from "./scenario.ts"

const NEW = "another long passphrase"

function change(scenario: AuthScenario, token: string, body: Record<string, unknown> = {}) {
  return scenario.auth("password/change", { currentPassword: PASSWORD, password: NEW, ...body }, { token })
}

test("5: a change needs the current password, ends all other sessions, and the owner gets a mail", async () => {
  const scenario = createAuthScenario()
  const own = await scenario.newUser()
  const { email, user, accessToken } = own
  const other = (await scenario.auth("sign-in", { email, password: PASSWORD })).body
  const wrong = await change(scenario, accessToken, { currentPassword: "not the passphrase" })
  expect(wrong).toMatchObject({
    status: 401,
    body: { code: "invalid_credentials", errors: [{ pointer: "/currentPassword" }] },
  })
  expect(await scenario.auth("refresh", { refreshToken: other.refreshToken })).toMatchObject({ status: 200 })
  const before = tripsOf(scenario).length
  expect(await change(scenario, accessToken)).toMatchObject({ status: 200, body: { user: { id: user.id, email } } })
  expect(tripsOf(scenario).slice(before)).toEqual([2])
  expect(await scenario.call("GET", "/v1/auth/user", { token: other.accessToken })).toMatchObject({ status: 401 })
  expect(await scenario.auth("refresh", { refreshToken: own.refreshToken })).toMatchObject({ status: 200 })
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({ status: 401 })
  expect(await scenario.auth("sign-in", { email, password: NEW })).toMatchObject({ status: 200 })
  expect((await scenario.mails(email)).map(({ purpose }) => purpose)).toContain("password-changed")
  const events = (await scenario.events(user.id)).filter(({ event }) => event === "password_changed")
  expect(events.map(({ result }) => result)).toEqual(["refused", "ok"])
})

test("6: a reset that was asked for before is void after a change", async () => {
  const scenario = createAuthScenario()
  const { email, accessToken } = await scenario.newUser()
  await scenario.auth("password/forgot", { email })
  const token = (await scenario.mail(email, "reset-password")).secret
  await change(scenario, accessToken)
  const answer = await scenario.auth("password/reset", { token, password: "yet another passphrase" })
  expect(answer).toMatchObject({ status: 401, body: { code: "invalid_credentials" } })
})

const VERIFIER = "v".repeat(43)

/** A link, a code by mail, and the code of a link that was pressed: each a way in, none used yet. */
async function askWaysIn(scenario: AuthScenario, email: string) {
  const codeChallenge = createHash("sha256").update(VERIFIER).digest("base64url")
  const ask = async () => {
    await scenario.auth("email/link", { email, redirectTo: "http://localhost:8788/", codeChallenge })
    return (await scenario.mail(email, "sign-in-link")).secret
  }
  const pressed = await scenario.call("POST", `/v1/auth/pages/sign-in?token=${await ask()}`)
  const exchange = new URL(pressed.headers.get("Location")!).searchParams.get("code")!
  await scenario.auth("email/code", { email })
  return { exchange, link: await ask(), code: (await scenario.mail(email, "sign-in-code")).secret }
}

async function tryWaysIn(
  scenario: AuthScenario,
  email: string,
  ways: { exchange: string; link: string; code: string },
) {
  const { exchange, link, code } = ways
  const answers = [
    await scenario.auth("exchange", { code: exchange, codeVerifier: VERIFIER }),
    await scenario.call("POST", `/v1/auth/pages/sign-in?token=${link}`),
    await scenario.auth("email/code/redeem", { email, code }),
  ]
  return answers.map(({ status }) => status)
}

test("6: links and codes that were mailed before a change or a reset open nothing after it, but another's do", async () => {
  const scenario = createAuthScenario()
  const { email, accessToken } = await scenario.newUser()
  const other = "another-person@example.com"
  const others = await askWaysIn(scenario, other)
  const beforeChange = await askWaysIn(scenario, email)
  expect(await change(scenario, accessToken)).toMatchObject({ status: 200 })
  expect(await tryWaysIn(scenario, email, beforeChange)).toEqual([401, 400, 401])
  await scenario.auth("password/forgot", { email })
  const token = (await scenario.mail(email, "reset-password")).secret
  const beforeReset = await askWaysIn(scenario, email)
  const answer = await scenario.auth("password/reset", { token, password: "yet another passphrase" })
  expect(answer).toMatchObject({ status: 200 })
  expect(await tryWaysIn(scenario, email, beforeReset)).toEqual([401, 400, 401])
  expect(await tryWaysIn(scenario, other, others)).toEqual([200, 303, 200])
})

test("2: a new password is held to the same rules, with a pointer", async () => {
  const scenario = createAuthScenario()
  const { email, accessToken } = await scenario.newUser()
  for (const password of ["short", "password123", `${email}!`, "the film shop 1"]) {
    const answer = await change(scenario, accessToken, { password })
    expect(answer, password).toMatchObject({ status: 422, body: { errors: [{ pointer: "/password" }] } })
  }
})

test("9: guesses of the current password count with those at sign-in", async () => {
  const scenario = createAuthScenario()
  const { accessToken, email } = await scenario.newUser()
  const answers = await Promise.all(
    Array.from({ length: 11 }, () => change(scenario, accessToken, { currentPassword: "not the passphrase" })),
  )
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(10)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(1)
  expect(await change(scenario, accessToken)).toMatchObject({ status: 429 })
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({ status: 429 })
})

test("nobody but a standing session of an account with a password changes one", async () => {
  const scenario = createAuthScenario()
  const body = { currentPassword: PASSWORD, password: NEW }
  expect(await scenario.auth("password/change", body)).toMatchObject({ status: 401 })
  const anonymous = (await scenario.auth("anonymous")).body
  expect(await change(scenario, anonymous.accessToken)).toMatchObject({ status: 409 })
  const { accessToken } = await scenario.newUser()
  await scenario.auth("sign-out", undefined, { token: accessToken })
  expect(await change(scenario, accessToken)).toMatchObject({ status: 401 })
})

test("of two changes at once, the later one doesn't undo the first", async () => {
  const scenario = createAuthScenario()
  const { accessToken, email } = await scenario.newUser()
  const passwords = [`${NEW} 1`, `${NEW} 2`]
  const answers = await Promise.all(passwords.map((password) => change(scenario, accessToken, { password })))
  const winners = passwords.filter((_, i) => answers[i]!.status === 200)
  expect(winners).toHaveLength(1)
  expect(answers.find(({ status }) => status !== 200)?.status).toBeOneOf([401, 409])
  expect(await scenario.auth("sign-in", { email, password: winners[0] })).toMatchObject({ status: 200 })
})
