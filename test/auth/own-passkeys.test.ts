/** A user's own passkeys: listed, named, removed, and nobody else's. */

import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { createAuthenticator } from "./passkey-authenticator.ts"
import { createPasskeyScenario, type PasskeyScenario, type Person } from "./passkey-scenario.ts"

const MINUTE_MS = 60_000
const PATH = "/v1/auth/passkeys"

let scenario: PasskeyScenario
let ada: Person
let grace: Person

beforeAll(async () => {
  scenario = createPasskeyScenario()
  ada = await scenario.newUser()
  grace = await scenario.newUser()
})

test("26: users list, rename and remove their own passkeys", async () => {
  const token = grace.accessToken
  const phone = await scenario.passkeyOf(token)
  scenario.advance(1)
  const key = await createAuthenticator()
  const laptop = await scenario.register(key, token, {}, "Laptop")
  const list = await scenario.call("GET", PATH, { token })
  expect(list.status).toBe(200)
  expect(list.body.data.map(({ id, name }: { id: string; name: string }) => [id, name])).toEqual([
    [key.id, "Laptop"],
    [phone.id, "Unknown device"],
  ])
  const renamed = await scenario.call("PATCH", `${PATH}/${key.id}`, { token, body: { name: " Work laptop " } })
  expect(renamed).toMatchObject({ status: 200, body: { ...laptop.body, name: "Work laptop" } })
  expect(await scenario.call("DELETE", `${PATH}/${key.id}`, { token })).toMatchObject({ status: 204 })
  expect((await scenario.call("GET", PATH, { token })).body.data).toHaveLength(1)
  expect(await scenario.signIn(key)).toMatchObject({ status: 401 })
  expect((await scenario.events(grace.user.id)).slice(-2).map(({ event, result }) => [event, result])).toEqual([
    ["factor_added", "ok"],
    ["factor_removed", "ok"],
  ])
})

test("26, 57: another's passkey is not found, and stays as it is", async () => {
  const { id } = await scenario.passkeyOf(ada.accessToken)
  const token = grace.accessToken
  const before = await scenario.stored(id)
  expect(await scenario.call("PATCH", `${PATH}/${id}`, { token, body: { name: "Mine" } })).toMatchObject({
    status: 404,
  })
  expect(await scenario.call("DELETE", `${PATH}/${id}`, { token })).toMatchObject({ status: 404 })
  expect(await scenario.stored(id)).toEqual(before)
  expect((await scenario.call("GET", PATH, { token })).text).not.toContain(id)
})

test("58: only the name can be written, and no key is shown", async () => {
  const token = ada.accessToken
  const { id } = await scenario.passkeyOf(token)
  const body = { name: "x", counter: 0, publicKey: "x", userId: grace.user.id }
  const answer = await scenario.call("PATCH", `${PATH}/${id}`, { token, body })
  expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    "/counter",
    "/publicKey",
    "/userId",
  ])
  const { public_key } = (await scenario.stored(id))!
  expect((await scenario.call("GET", PATH, { token })).text).not.toContain(public_key)
})

test("5: removing a passkey ends the other sessions, among them those that it opened", async () => {
  const person = await scenario.newUser()
  const key = await scenario.passkeyOf(person.accessToken)
  const other = await scenario.signIn(key)
  const refresh = (refreshToken: string) => scenario.auth("refresh", { refreshToken })
  expect(await scenario.call("DELETE", `${PATH}/nothing`, { token: person.accessToken })).toMatchObject({ status: 404 })
  const kept = await refresh(other.body.refreshToken)
  expect(kept.status).toBe(200)
  const gone = await scenario.call("DELETE", `${PATH}/${key.id}`, { token: person.accessToken })
  expect(gone.status).toBe(204)
  expect(await refresh(kept.body.refreshToken)).toMatchObject({ status: 401 })
  expect(await refresh(person.refreshToken)).toMatchObject({ status: 200 })
})

test("the last way to sign in can't be removed", async () => {
  const person = await scenario.newUser()
  const token = person.accessToken
  const [first, second] = [await scenario.passkeyOf(token), await scenario.passkeyOf(token)]
  const run = (sql: string) => env.DB.prepare(sql).bind(person.user.id).run()
  await run("DELETE FROM _passwords WHERE user_id = ?")
  const remove = (id: string) => scenario.call("DELETE", `${PATH}/${id}`, { token })
  expect(await remove(first.id)).toMatchObject({ status: 204 })
  expect(await remove(second.id)).toMatchObject({ status: 409, body: { code: "conflict" } })
  expect(await scenario.stored(second.id)).not.toBe(null)
  await run("UPDATE _users SET email_verified = 1 WHERE id = ?")
  expect(await remove(second.id)).toMatchObject({ status: 204 })
})

test("an account at a provider is another way to sign in", async () => {
  const person = await scenario.newUser()
  const { id } = await scenario.passkeyOf(person.accessToken)
  await env.DB.batch([
    env.DB.prepare("DELETE FROM _passwords WHERE user_id = ?").bind(person.user.id),
    env.DB.prepare("INSERT INTO _identities (issuer, subject, user_id, created_at) VALUES ('i', ?1, ?1, 1)").bind(
      person.user.id,
    ),
  ])
  const removed = await scenario.call("DELETE", `${PATH}/${id}`, { token: person.accessToken })
  expect(removed.status).toBe(204)
})

type Change = (token: string | undefined) => Promise<{ status: number; body: { code: string } }>

/** Every route of a user's own passkeys; the first three change factors. */
const ROUTES: Record<string, (id: string) => Change> = {
  "POST register/options": () => (token) => scenario.auth("passkeys/register/options", undefined, as(token)),
  "POST register": () => async (token) => scenario.auth("passkeys/register", { response: await answer() }, as(token)),
  "DELETE {id}": (id) => (token) => scenario.call("DELETE", `${PATH}/${id}`, as(token)),
  "PATCH {id}": (id) => (token) => scenario.call("PATCH", `${PATH}/${id}`, { ...as(token), body: { name: "x" } }),
  "GET passkeys": () => (token) => scenario.call("GET", PATH, as(token)),
}
const as = (token: string | undefined) => (token === undefined ? {} : { token })
const answer = async () => (await createAuthenticator()).create(await scenario.ask("register/options", ada.accessToken))

test("21: passkeys are added and removed in the first 10 minutes of a session only, and looked at later too", async () => {
  const person = await scenario.newUser()
  const { id } = await scenario.passkeyOf(person.accessToken)
  const response = await (await createAuthenticator()).create(
    await scenario.ask("register/options", person.accessToken),
  )
  scenario.advance(9 * MINUTE_MS)
  const { accessToken: token } = (await scenario.auth("refresh", { refreshToken: person.refreshToken })).body
  scenario.advance(MINUTE_MS + 1)
  const stale = [
    await scenario.auth("passkeys/register/options", undefined, { token }),
    await scenario.redeem("register", response, { token }),
    await scenario.call("DELETE", `${PATH}/${id}`, { token }),
  ]
  for (const answer of stale) expect(answer).toMatchObject({ status: 403, body: { code: "reauthentication_required" } })
  expect(await scenario.call("GET", PATH, { token })).toMatchObject({ status: 200 })
  const renamed = await scenario.call("PATCH", `${PATH}/${id}`, { token, body: { name: "x" } })
  expect(renamed.status).toBe(200)
  scenario.advance(-10 * MINUTE_MS - 1)
})

test("41: nobody, a key, or a token without a session sees or changes passkeys", async () => {
  const { id } = await scenario.passkeyOf(ada.accessToken)
  const made = await scenario.auth("keys", { name: "k", scopes: ["films:read"] }, { token: ada.accessToken })
  const { body } = await scenario.auth("anonymous")
  for (const [name, route] of Object.entries(ROUTES)) {
    const change = route(id)
    expect(await change(undefined), name).toMatchObject({ status: 401, body: { code: "unauthenticated" } })
    expect(await change(made.body.key), name).toMatchObject({ status: 403, body: { code: "forbidden" } })
  }
  const without = await scenario.as({ id: ada.user.id })
  for (const answer of [await without.get(PATH), await without.post(`${PATH}/register/options`)]) {
    expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } })
  }
  for (const name of ["POST register/options", "POST register"]) {
    expect(await ROUTES[name]!(id)(body.accessToken), name).toMatchObject({ status: 403, body: { code: "forbidden" } })
  }
})

test("34: an ended session sees and changes nothing, though its access token is still good", async () => {
  const person = await scenario.newUser()
  const { id } = await scenario.passkeyOf(person.accessToken)
  await scenario.auth("sign-out", undefined, { token: person.accessToken })
  for (const [name, route] of Object.entries(ROUTES)) {
    if (name === "POST register") continue
    expect(await route(id)(person.accessToken), name).toMatchObject({ status: 401 })
  }
})
