/** API keys and service keys. */

import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { createAuthScenario } from "./scenario.ts"

const scenario = createAuthScenario()

async function admin() {
  const person = await scenario.newUser()
  await env.DB.prepare("UPDATE _users SET roles = '[\"admin\"]' WHERE id = ?").bind(person.user.id).run()
  const { body } = await scenario.auth("refresh", { refreshToken: person.refreshToken })
  return { ...person, accessToken: body.accessToken as string }
}

async function keyOf(token: string, scopes: string[], more: object = {}) {
  const answer = await scenario.auth("keys", { name: "script", scopes, ...more }, { token })
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body as { id: string; key: string; prefix: string }
}

test("41: a key has 256 random bits, a prefix and a checksum, is shown once and stored as a hash", async () => {
  const { accessToken } = await scenario.newUser()
  const { key, id, prefix } = await keyOf(accessToken, ["reviews:read"])
  expect(key).toMatch(/^slv_api_[\w-]{49}$/)
  expect(key.startsWith(prefix)).toBe(true)
  const row = await env.DB.prepare("SELECT * FROM _keys WHERE id = ?").bind(id).first()
  expect(JSON.stringify(row)).not.toContain(key.slice(prefix.length))
  const listed = await scenario.call("GET", "/v1/auth/keys", { token: accessToken })
  expect(listed.body.data).toEqual([
    {
      id,
      name: "script",
      prefix,
      scopes: ["reviews:read"],
      createdAt: expect.any(String),
      expiresAt: null,
      lastUsedAt: null,
    },
  ])
})

test("41: a key does what its scopes name, as its user, and nothing else", async () => {
  const { accessToken, user } = await scenario.newUser()
  const { key } = await keyOf(accessToken, ["cart:read", "films:read"])
  const film = await env.DB.prepare(
    "INSERT INTO films (id, title, price_cents, stock, created_at, updated_at) VALUES (?, 'Keyed', 100, 5, 0, 0) RETURNING id",
  )
    .bind(crypto.randomUUID())
    .first<string>("id")
  const own = await scenario.call("POST", "/v1/cart", { token: accessToken, body: { filmId: film, quantity: 1 } })
  expect(own.body).toMatchObject({ userId: user.id })
  const read = await scenario.call("GET", "/v1/cart?expand=film", { token: key })
  expect(read).toMatchObject({ status: 200, body: { data: [{ id: own.body.id, film: { title: "Keyed" } }] } })

  const refused = [
    ["GET", "/v1/reviews"],
    ["POST", "/v1/cart", { filmId: film, quantity: 1 }],
    ["PATCH", `/v1/cart/${own.body.id}`, { quantity: 2 }],
    ["DELETE", `/v1/cart/${own.body.id}`],
    ["POST", "/v1/batch", { operations: [{ method: "DELETE", path: `/v1/cart/${own.body.id}` }] }],
    ["POST", "/v1/checkout", {}],
    ["GET", "/v1/admin/users"],
  ] as const
  for (const [method, path, body] of refused) {
    const answer = await scenario.call(method, path, {
      token: key,
      ...(body && { body }),
      headers: { "Idempotency-Key": crypto.randomUUID() },
    })
    expect(answer, `${method} ${path}`).toMatchObject({ status: 403, body: { code: "forbidden" } })
  }
})

test("41: what a relation leads to needs its own scope", async () => {
  const { accessToken } = await scenario.newUser()
  const { key } = await keyOf(accessToken, ["cart:read"])
  const read = await scenario.call("GET", "/v1/cart?expand=film", { token: key })
  for (const line of read.body.data) expect(line.film).toBeNull()
})

test("41: a key makes and revokes no keys and changes no factor, also one with the scope admin", async () => {
  const { accessToken } = await admin()
  const { key, id } = await keyOf(accessToken, ["admin", "films:create"])
  expect(await scenario.call("GET", "/v1/admin/users?limit=1", { token: key })).toMatchObject({ status: 200 })
  const refused = [
    ["POST", "/v1/auth/keys", { name: "x", scopes: ["films:read"] }],
    ["DELETE", `/v1/auth/keys/${id}`],
    ["POST", "/v1/admin/keys", { name: "x" }],
    ["POST", "/v1/auth/totp"],
    ["DELETE", "/v1/auth/user"],
  ] as const
  for (const [method, path, body] of refused) {
    const answer = await scenario.call(method, path, { token: key, ...(body && { body }) })
    expect(answer.status, `${method} ${path}`).toBe(403)
  }
})

test("41: a revoked key is refused within 30 seconds, an expired one at once", async () => {
  const { accessToken } = await scenario.newUser()
  const { key, id } = await keyOf(accessToken, ["cart:read"])
  const soon = await keyOf(accessToken, ["cart:read"], { expiresAt: new Date(scenario.now() + 10_000).toISOString() })
  const use = async (token: string) => (await scenario.call("GET", "/v1/cart", { token })).status
  expect([await use(key), await use(soon.key)]).toEqual([200, 200])
  expect(await scenario.call("DELETE", `/v1/auth/keys/${id}`, { token: accessToken })).toMatchObject({ status: 204 })
  scenario.advance(10_001)
  expect(await use(soon.key)).toBe(401)
  scenario.advance(20_000)
  expect(await use(key)).toBe(401)
})

test("a key known to the isolate costs no trip, an unknown one is told by its checksum", async () => {
  const { accessToken } = await scenario.newUser()
  const { key } = await keyOf(accessToken, ["cart:read"])
  const use = (token: string) => scenario.call("GET", "/v1/cart", { token })
  await use(key)
  const before = scenario.counted.trips
  await use(key)
  expect(scenario.counted.trips - before).toBe(1)
  const mistyped = key.slice(0, 20) + (key[20] === "A" ? "B" : "A") + key.slice(21)
  expect((await use(mistyped)).status).toBe(401)
  expect(scenario.counted.trips - before).toBe(1)
})

test("the last use is noted, at most once a minute", async () => {
  const { accessToken } = await scenario.newUser()
  const { key } = await keyOf(accessToken, ["cart:read"])
  const lastUse = async () =>
    (await scenario.call("GET", "/v1/auth/keys", { token: accessToken })).body.data[0].lastUsedAt
  await scenario.call("GET", "/v1/cart", { token: key })
  const first = new Date(scenario.now()).toISOString()
  expect(await lastUse()).toBe(first)
  scenario.advance(31_000)
  await scenario.call("GET", "/v1/cart", { token: key })
  expect(await lastUse()).toBe(first)
  scenario.advance(31_000)
  await scenario.call("GET", "/v1/cart", { token: key })
  expect(await lastUse()).toBe(new Date(scenario.now()).toISOString())
})

test("57: nobody sees or revokes another's keys", async () => {
  const [ada, bob] = [await scenario.newUser(), await scenario.newUser()]
  const { id } = await keyOf(ada.accessToken, ["cart:read"])
  expect((await scenario.call("GET", "/v1/auth/keys", { token: bob.accessToken })).body.data).toEqual([])
  const answer = await scenario.call("DELETE", `/v1/auth/keys/${id}`, { token: bob.accessToken })
  expect(answer).toMatchObject({ status: 404, body: { code: "not_found" } })
})

test("34: an ended session sees no keys, though its access token is still good", async () => {
  const { accessToken: token } = await scenario.newUser()
  await scenario.auth("sign-out", undefined, { token })
  expect(await scenario.call("GET", "/v1/auth/keys", { token })).toMatchObject({ status: 401 })
})

test("scopes that don't exist, or are not the caller's to give, are 422 with a pointer", async () => {
  const { accessToken } = await scenario.newUser()
  const scopes = ["films:read", "films:fly", "nothing:read", "admin", "films"]
  const answer = await scenario.auth("keys", { name: "x", scopes }, { token: accessToken })
  expect(answer.status).toBe(422)
  expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    "/scopes/1",
    "/scopes/2",
    "/scopes/3",
    "/scopes/4",
  ])
})

test("a service key is made by an admin's session, shown once, and acts as the service", async () => {
  const { accessToken } = await admin()
  const made = await scenario.call("POST", "/v1/admin/keys", { token: accessToken, body: { name: "nightly import" } })
  expect(made).toMatchObject({ status: 201, body: { key: expect.stringMatching(/^slv_service_/) } })
  const film = await scenario.call("POST", "/v1/films", {
    token: made.body.key,
    body: { title: "Made by the service", priceCents: 1, stock: 1 },
  })
  expect(film.status).toBe(201)
  const again = await scenario.call("POST", "/v1/admin/keys", { token: made.body.key, body: { name: "another" } })
  expect(again.status).toBe(403)
  const { accessToken: stranger } = await scenario.newUser()
  expect((await scenario.call("POST", "/v1/admin/keys", { token: stranger, body: { name: "x" } })).status).toBe(403)
  await scenario.call("DELETE", `/v1/admin/keys/${made.body.id}`, { token: accessToken })
  scenario.advance(30_001)
  expect((await scenario.call("GET", "/v1/films", { token: made.body.key })).status).toBe(401)
})

test("60: making and revoking a key is in the audit", async () => {
  const { accessToken, user } = await scenario.newUser()
  const { id } = await keyOf(accessToken, ["cart:read"])
  await scenario.call("DELETE", `/v1/auth/keys/${id}`, { token: accessToken })
  const events = await scenario.events(user.id)
  expect(events.slice(1).map(({ event }) => event)).toEqual(["key_made", "key_revoked"])
})
