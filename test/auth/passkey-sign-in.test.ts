/** Signing in with a passkey: every assertion but an honest one is refused. */

import { env } from "cloudflare:workers"
import { base64url, decodeJwt } from "jose"
import { beforeAll, expect, test } from "vitest"
import { protect } from "./authenticator.ts"
import { type Authenticator, createAuthenticator, type Ways } from "./passkey-authenticator.ts"
import { createPasskeyScenario, type PasskeyScenario, type Person } from "./passkey-scenario.ts"
import { PASSWORD } from "./scenario.ts"

const MINUTE_MS = 60_000
const LISTED = "http://localhost:8788"

let scenario: PasskeyScenario
let ada: Person
let grace: Person
let key: Authenticator

beforeAll(async () => {
  scenario = createPasskeyScenario()
  ada = await scenario.newUser()
  grace = await scenario.newUser()
  key = await scenario.passkeyOf(ada.accessToken)
})

const refused = { status: 401, body: { code: "invalid_credentials", detail: "The passkey was not accepted." } }
const reason = async (userId = ada.user.id) => {
  const event = (await scenario.events(userId)).at(-1)!
  return [event.event, event.result, JSON.parse(event.detail!).reason]
}

test.each<[string, Ways]>([
  ["24: another origin", { origin: "https://edge.example.evil.example" }],
  ["24: our origin in plain HTTP", { origin: "http://edge.example" }],
  ["24: our origin with a slash", { origin: "https://edge.example/" }],
  ["24: another relying party", { rpId: "example" }],
  ["24: the type of the other ceremony", { type: "webauthn.create" }],
  ["24: nobody present", { present: false }],
  ["25: a wrong user handle", { userHandle: base64url.encode("01a1fe1c-0000-7000-8000-000000000000") }],
  ["25: no user handle", { userHandle: null }],
])("%s is refused, and noted", async (_, ways) => {
  expect(await scenario.signIn(key, ways)).toMatchObject(refused)
  expect(await reason()).toEqual(["sign_in", "refused", "assertion"])
})

test.each<[string, Ways]>([
  ["24: a frame in a page of another site", { crossOrigin: true, topOrigin: "https://evil.example" }],
  ["24: a frame of which the browser doesn't tell the page", { crossOrigin: true }],
  ["23: a challenge that nobody gave", { challenge: base64url.encode(new Uint8Array(32)) }],
  ["23: no challenge", { challenge: "" }],
])("%s is refused, and noted", async (_, ways) => {
  expect(await scenario.signIn(key, ways)).toMatchObject(refused)
  expect(await reason()).toEqual(["sign_in", "refused", "challenge"])
})

test("25: an assertion that was used, or whose signature doesn't fit, is refused", async () => {
  const response = await key.get(await scenario.ask("sign-in/options"))
  expect(await scenario.redeem("sign-in", response)).toMatchObject({ status: 200 })
  expect(await scenario.redeem("sign-in", response)).toMatchObject(refused)
  const other = await scenario.passkeyOf(ada.accessToken)
  const stolen = { ...(await other.get(await scenario.ask("sign-in/options"))), id: key.id, rawId: key.id }
  expect(await scenario.redeem("sign-in", stolen)).toMatchObject(refused)
})

test("25: another's passkey doesn't sign in to this account, whatever handle it names", async () => {
  const graces = await scenario.passkeyOf(grace.accessToken)
  expect(await scenario.signIn(graces, { userHandle: base64url.encode(ada.user.id) })).toMatchObject(refused)
  expect(await scenario.signIn(graces)).toMatchObject({ status: 200, body: { user: { id: grace.user.id } } })
})

test("25: an unknown credential gets the same answer as a wrong one", async () => {
  const unknown = await createAuthenticator()
  await unknown.create(await scenario.ask("register/options", ada.accessToken))
  const answers = [await scenario.signIn(unknown), await scenario.signIn(key, { origin: "https://evil.example" })]
  const said = answers.map(({ status, body }) => ({ status, ...body, requestId: "" }))
  expect(said[0]).toEqual(said[1])
})

test("25: a counter that goes back or stands still is refused and noted, one that moves is kept", async () => {
  const counting = await scenario.passkeyOf(ada.accessToken, { counter: 5 })
  expect(await scenario.signIn(counting)).toMatchObject({ status: 200 })
  expect(await scenario.stored(counting.id)).toMatchObject({ counter: 6 })
  for (const counter of [6, 5, 0]) {
    expect(await scenario.signIn(counting, { counter })).toMatchObject(refused)
    expect(await reason()).toEqual(["sign_in", "refused", "counter"])
  }
  expect(await scenario.stored(counting.id)).toMatchObject({ counter: 6 })
  expect(await scenario.signIn(counting, { counter: 7 })).toMatchObject({ status: 200 })
})

test("25: of two copies of a key that count alike, at the same time, one signs in", async () => {
  const counting = await scenario.passkeyOf(ada.accessToken, { counter: 5 })
  const answers = await Promise.all(Array.from({ length: 4 }, () => scenario.signIn(counting, { counter: 6 })))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401])
})

test("12: of 20 redemptions of one assertion exactly one signs in", async () => {
  const response = await key.get(await scenario.ask("sign-in/options"))
  const answers = await Promise.all(Array.from({ length: 20 }, () => scenario.redeem("sign-in", response)))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(401)])
})

test("23: a challenge lives 5 minutes, and one that registers signs nobody in", async () => {
  const response = await key.get(await scenario.ask("sign-in/options"))
  scenario.advance(5 * MINUTE_MS)
  expect(await scenario.redeem("sign-in", response)).toMatchObject(refused)
  scenario.advance(-5 * MINUTE_MS)
  const { challenge } = await scenario.ask("register/options", ada.accessToken)
  expect(await scenario.signIn(key, { challenge })).toMatchObject(refused)
})

test("27: the level is 2 only if the authenticator made sure of the person", async () => {
  const level = async (ways: Ways) => decodeJwt((await scenario.signIn(key, ways)).body.accessToken).aal
  expect(await level({ verified: true })).toBe(2)
  expect(await level({ verified: false })).toBe(1)
  const details = (await scenario.events(ada.user.id)).slice(-2).map(({ detail }) => JSON.parse(detail!).method)
  expect(details).toEqual(["hwk user mfa", "hwk user"])
})

test("22, 27: with a second factor, a passkey that made sure of the person is enough, any other gives a ticket", async () => {
  const person = await scenario.newUser()
  const own = await scenario.passkeyOf(person.accessToken, { synced: true })
  await protect(scenario, person)
  const first = await scenario.signIn(own, { verified: false })
  expect(first.status).toBe(200)
  expect(first.body).toEqual({ mfa: { ticket: expect.any(String), methods: ["totp", "recovery"] } })
  expect(first.headers.get("Set-Cookie")).toBe(null)
  const both = await scenario.signIn(own, { verified: true })
  expect(both.body).toMatchObject({ user: { id: person.user.id, mfa: true }, accessToken: expect.any(String) })
})

test("9: the owner signs in with a passkey while the password is locked", async () => {
  for (let i = 0; i < 10; i++) await scenario.auth("sign-in", { email: ada.email, password: `wrong ${i}` })
  expect(await scenario.auth("sign-in", { email: ada.email, password: PASSWORD })).toMatchObject({ status: 429 })
  expect(await scenario.signIn(key)).toMatchObject({ status: 200 })
})

test("36: with ?cookie=true the refresh token goes into the cookie", async () => {
  const response = await key.get(await scenario.ask("sign-in/options"), { origin: LISTED })
  const answer = await scenario.redeem("sign-in?cookie=true", response, { headers: { Origin: LISTED } })
  expect(answer.status).toBe(200)
  expect(answer.body.refreshToken).toBe(undefined)
  expect(answer.headers.get("Set-Cookie")).toMatch(/^__Host-selvedge=.*HttpOnly; Secure; SameSite=Strict/)
})

test("34: a banned user's passkey signs nobody in, and a deleted user's is unknown", async () => {
  const person = await scenario.newUser()
  const own = await scenario.passkeyOf(person.accessToken)
  const set = (assignment: string) =>
    env.DB.prepare(`UPDATE _users SET ${assignment} WHERE id = ?`).bind(person.user.id).run()
  await set("banned_until = 9e15")
  expect(await scenario.signIn(own)).toMatchObject({ status: 403 })
  await set("banned_until = NULL, deleted_at = 1")
  expect(await scenario.signIn(own)).toMatchObject(refused)
})

test("an anonymous visitor who signs in takes along what is theirs", async () => {
  const visitor = await scenario.auth("anonymous")
  const response = await key.get(await scenario.ask("sign-in/options"))
  const answer = await scenario.redeem("sign-in", response, { token: visitor.body.accessToken })
  expect(answer).toMatchObject({ status: 200, body: { user: { id: ada.user.id } } })
  expect((await scenario.events(ada.user.id)).at(-1)).toMatchObject({ event: "accounts_merged" })
})

test("15: neither challenge nor signature is in the audit or the log", async () => {
  const response = await key.get(await scenario.ask("sign-in/options"))
  await scenario.redeem("sign-in", response)
  await scenario.redeem("sign-in", response)
  const written = JSON.stringify([await scenario.events(null), scenario.logged])
  for (const secret of [response.response.signature, response.response.clientDataJSON]) {
    expect(written).not.toContain(secret)
  }
})
