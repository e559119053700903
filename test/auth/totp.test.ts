/** The second factor of an account: turned on, turned off, and what is stored of it. */

import { env } from "cloudflare:workers"
import { generateSync } from "otplib"
import { expect, test } from "vitest"
import { createSecrets } from "../../src/auth/secrets.ts"
import { newSeed, openSeed, sealSeed, stepOf } from "../../src/auth/totp.ts"
import { parseBookmark } from "../../src/db/bookmark.ts"
import { codeOf, protect, STEP_MS, ticketOf, wrongCode } from "./authenticator.ts"
import { createAuthScenario, PASSWORD, START, tripsOf } from "./scenario.ts"

/** "12345678901234567890", base32. */
const RFC_SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
/** RFC 6238 Appendix B, SHA-1: seconds and eight digits. */
const RFC_VECTORS = [
  [59, "94287082"],
  [1_111_111_109, "07081804"],
  [1_111_111_111, "14050471"],
  [1_234_567_890, "89005924"],
  [2_000_000_000, "69279037"],
  [20_000_000_000, "65353130"],
] as const

test.each(RFC_VECTORS)(
  "17: the code of RFC 6238 for second %i is accepted, as is what an app makes of it",
  (at, code) => {
    expect(stepOf(RFC_SEED, code.slice(2), at * 1000)).toBe(Math.floor(at / 30))
    expect(generateSync({ secret: RFC_SEED, epoch: at, digits: 8 })).toBe(code)
  },
)

test("17: a clock may be one step ahead or behind, and no more", () => {
  const seed = newSeed()
  const step = Math.floor(START / STEP_MS)
  const found = [-2, -1, 0, 1, 2].map((steps) => {
    const code = generateSync({ secret: seed, epoch: (START + steps * STEP_MS) / 1000 })
    return stepOf(seed, code, START)
  })
  expect(found).toEqual([undefined, step - 1, step, step + 1, undefined])
})

test("a code may be typed with a space or a hyphen in it, and nothing else", () => {
  const code = generateSync({ secret: RFC_SEED, epoch: START / 1000 })
  const typed = [`${code.slice(0, 3)} ${code.slice(3)}`, `${code.slice(0, 3)}-${code.slice(3)}`, ` ${code}\n`]
  for (const text of typed) expect(stepOf(RFC_SEED, text, START), text).toBe(START / STEP_MS)
  for (const text of ["", "12345", `${code}0`, `0${code}`, "١٢٣٤٥٦"])
    expect(stepOf(RFC_SEED, text, START)).toBe(undefined)
})

test("16: the seed has 160 random bits, is shown once, and lies encrypted for its user", async () => {
  const scenario = createAuthScenario()
  const { user, accessToken: token, email } = await scenario.newUser()
  const first = await scenario.auth("totp", undefined, { token })
  expect(first.status).toBe(201)
  expect(first.body.secret).toMatch(/^[A-Z2-7]{32}$/)
  expect(first.body.uri).toBe(
    `otpauth://totp/The%20film%20shop:${encodeURIComponent(email)}?issuer=The%20film%20shop&secret=${first.body.secret}&algorithm=SHA1&digits=6&period=30`,
  )
  expect(first.headers.get("Cache-Control")).toContain("no-store")
  const second = await scenario.auth("totp", undefined, { token })
  expect(second.body.secret).not.toBe(first.body.secret)
  const sealed = (await env.DB.prepare("SELECT secret FROM _totps WHERE user_id = ?")
    .bind(user.id)
    .first<string>("secret"))!
  expect(sealed).not.toContain(second.body.secret)
  const secrets = createSecrets(env.SELVEDGE_SECRET)
  expect(await openSeed(secrets, user.id, sealed)).toEqual({ seed: second.body.secret, resealed: undefined })
  await expect(openSeed(secrets, "somebody else", sealed)).rejects.toThrow("can't be opened")

  const late = await scenario.auth("totp/activate", { code: codeOf(scenario, first.body.secret) }, { token })
  expect(late).toMatchObject({ status: 422, body: { errors: [{ pointer: "/code" }] } })
  const code = codeOf(scenario, second.body.secret)
  expect(await scenario.auth("totp/activate", { code }, { token })).toMatchObject({ status: 200 })
  for (const path of ["totp", "totp/activate"]) {
    const again = await scenario.auth(path, path === "totp" ? undefined : { code }, { token })
    expect(again, path).toMatchObject({ status: 409, body: { code: "conflict" } })
    expect(again.text).not.toContain(second.body.secret)
  }
})

test("a seed sealed under the secret from before is opened, and sealed anew", async () => {
  const [before, now] = ["a".repeat(40), "b".repeat(40)] as const
  const seed = newSeed()
  const sealed = await sealSeed(createSecrets(before), "ada", seed)
  const rotated = createSecrets(now, before)
  const opened = await openSeed(rotated, "ada", sealed)
  expect(opened.seed).toBe(seed)
  expect(await openSeed(createSecrets(now), "ada", opened.resealed!)).toEqual({ seed, resealed: undefined })
})

test("20: ten recovery codes of 120 random bits are shown, and only their hashes are kept", async () => {
  const scenario = createAuthScenario()
  const { userId, recoveryCodes } = await protect(scenario)
  expect(new Set(recoveryCodes).size).toBe(10)
  for (const code of recoveryCodes) expect(code).toMatch(/^[A-Z2-7]{4}(-[A-Z2-7]{4}){5}$/)
  const { results } = await env.DB.prepare("SELECT hash FROM _recovery_codes WHERE user_id = ?").bind(userId).all()
  expect(results).toHaveLength(10)
  for (const { hash } of results) expect(hash).toMatch(/^[\w-]{43}$/)
})

test("20: new recovery codes void those from before", async () => {
  const scenario = createAuthScenario()
  const person = await protect(scenario)
  const { accessToken: token } = person.session
  const renewed = await scenario.auth("recovery-codes", undefined, { token })
  expect(renewed).toMatchObject({ status: 200, body: { recoveryCodes: { length: 10 } } })
  const ticket = await ticketOf(scenario, person)
  const redeem = (code: string) => scenario.auth("mfa", { ticket, method: "recovery", code })
  expect(await redeem(person.recoveryCodes[0]!)).toMatchObject({
    status: 401,
    body: { errors: [{ pointer: "/code" }] },
  })
  expect(await redeem(renewed.body.recoveryCodes[0])).toMatchObject({ status: 200 })
})

test("22: turning it on ends sessions of one factor, makes this one a session with both, and shows in the account", async () => {
  const scenario = createAuthScenario()
  const person = await scenario.newUser()
  const other = await scenario.auth("sign-in", { email: person.email, password: PASSWORD })
  await protect(scenario, person)
  const { results } = await env.DB.prepare("SELECT aal, amr, revoked_at FROM _sessions WHERE user_id = ? ORDER BY aal")
    .bind(person.user.id)
    .all()
  expect(results).toEqual([
    { aal: 1, amr: '["pwd"]', revoked_at: expect.any(Number) },
    { aal: 2, amr: '["pwd","otp"]', revoked_at: null },
  ])
  const refreshed = await scenario.auth("refresh", { refreshToken: person.refreshToken })
  expect(refreshed).toMatchObject({ status: 200, body: { user: { mfa: true } } })
  expect(claims(refreshed.body.accessToken)).toMatchObject({ aal: 2 })
  expect(await scenario.auth("refresh", { refreshToken: other.body.refreshToken })).toMatchObject({ status: 401 })
})

test("a wrong code turns nothing on", async () => {
  const scenario = createAuthScenario()
  const { accessToken: token, refreshToken } = await scenario.newUser()
  expect(await scenario.auth("totp/activate", { code: "123456" }, { token })).toMatchObject({ status: 409 })
  const { body } = await scenario.auth("totp", undefined, { token })
  const wrong = await scenario.auth("totp/activate", { code: wrongCode(scenario, body.secret) }, { token })
  expect(wrong).toMatchObject({ status: 422, body: { code: "validation_failed", errors: [{ pointer: "/code" }] } })
  const refreshed = await scenario.auth("refresh", { refreshToken })
  expect(refreshed.body.user.mfa).toBe(false)
})

test("12: of 20 activations at once one alone gives codes, and these are the ones that work", async () => {
  const scenario = createAuthScenario()
  const person = await scenario.newUser()
  const { accessToken: token } = person
  const { body } = await scenario.auth("totp", undefined, { token })
  const code = codeOf(scenario, body.secret)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => scenario.auth("totp/activate", { code }, { token })),
  )
  const activated = answers.filter(({ status }) => status === 200)
  expect(activated).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
  const ticket = await ticketOf(scenario, person)
  const [recovery] = activated[0]!.body.recoveryCodes
  expect(await scenario.auth("mfa", { ticket, method: "recovery", code: recovery })).toMatchObject({ status: 200 })
})

test("5: turning it off ends all other sessions, voids the recovery codes, and the password is enough again", async () => {
  const scenario = createAuthScenario()
  const person = await scenario.newUser()
  const other = await scenario.auth("sign-in", { email: person.email, password: PASSWORD })
  const { accessToken: token } = person
  await protect(scenario, person)
  const removed = await scenario.call("DELETE", "/v1/auth/totp", { token })
  expect(removed).toMatchObject({ status: 204, text: "" })
  expect(parseBookmark(removed.headers.get("Selvedge-Bookmark")!)?.seq).toBe(await scenario.lastSeq())
  expect(await scenario.auth("refresh", { refreshToken: other.body.refreshToken })).toMatchObject({ status: 401 })
  expect(await scenario.auth("refresh", { refreshToken: person.refreshToken })).toMatchObject({ status: 200 })
  for (const table of ["_totps", "_recovery_codes"]) {
    const left = await env.DB.prepare(`SELECT * FROM ${table} WHERE user_id = ?`).bind(person.user.id).all()
    expect(left.results, table).toEqual([])
  }
  const signedIn = await scenario.auth("sign-in", { email: person.email, password: PASSWORD })
  expect(signedIn).toMatchObject({ status: 200, body: { user: { mfa: false }, accessToken: expect.any(String) } })
  expect(await scenario.call("DELETE", "/v1/auth/totp", { token })).toMatchObject({ status: 404 })
  expect(await scenario.auth("recovery-codes", undefined, { token })).toMatchObject({ status: 404 })
})

test("setting up, renewing codes and turning off cost one trip, turning on two", async () => {
  const scenario = createAuthScenario()
  const { session } = await protect(scenario)
  await scenario.auth("recovery-codes", undefined, { token: session.accessToken })
  await scenario.call("DELETE", "/v1/auth/totp", { token: session.accessToken })
  expect(tripsOf(scenario).slice(1)).toEqual([1, 2, 1, 1])
})

test("60, 15: changes of the factor are in the audit, without a seed or a code", async () => {
  const scenario = createAuthScenario()
  const { session, userId, seed, recoveryCodes } = await protect(scenario)
  await scenario.auth("recovery-codes", undefined, { token: session.accessToken, ip: "192.0.2.7" })
  await scenario.call("DELETE", "/v1/auth/totp", { token: session.accessToken, ip: "192.0.2.8" })
  const events = await scenario.events(userId)
  expect(events.slice(1)).toMatchObject([
    { event: "factor_added", actor: userId, result: "ok" },
    { event: "recovery_codes_made", actor: userId, result: "ok" },
    { event: "recovery_codes_made", actor: userId, result: "ok", ip: "192.0.2.7" },
    { event: "factor_removed", actor: userId, result: "ok", ip: "192.0.2.8" },
  ])
  const written = JSON.stringify([events, scenario.logged])
  for (const secret of [seed, ...recoveryCodes]) expect(written).not.toContain(secret)
})

function claims(accessToken: string): Record<string, unknown> {
  return JSON.parse(atob(accessToken.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")))
}
