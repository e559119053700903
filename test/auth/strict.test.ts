/** Strict routes and collections: the caller is the one of the database at this moment. */

import { env } from "cloudflare:workers"
import { anyone, collection, defineBackend, one, owner, role, signedIn } from "selvedge"
import { beforeAll, expect, test } from "vitest"
import { backend } from "../../app/backend.ts"
import * as tables from "../../app/schema.ts"
import { createKey } from "../../src/auth/keys.ts"
import { type AuthScenario, createAuthScenario, type SessionBody, tripsOf } from "./scenario.ts"

const FILM = "0199f11a-0000-7000-8000-00000000f001"

/** Films are strict, carts lead to films, directors to nothing. */
const strictShop = defineBackend({
  tables,
  collections: {
    films: collection(tables.films, {
      access: { read: anyone, create: role("staff"), update: role("staff") },
      strict: true,
    }),
    cart: collection(tables.cart, {
      access: { read: owner("userId"), create: signedIn, delete: owner("userId") },
      stamp: { userId: (caller) => caller.id },
      relations: { film: one(tables.films) },
    }),
    directors: collection(tables.directors, {
      access: { read: anyone, create: role("staff"), update: role("staff") },
    }),
  },
})

beforeAll(async () => {
  await env.DB.prepare(
    `INSERT INTO films (id, created_at, updated_at, version, title, price_cents, stock) VALUES (?, 1, 1, 1, 'M', 1, 9)`,
  )
    .bind(FILM)
    .run()
})

const createStrictScenario = () => createAuthScenario({}, { collections: strictShop.collections, routes: undefined })

async function newVisitor(scenario: AuthScenario): Promise<SessionBody> {
  return (await scenario.auth("anonymous")).body
}

function buy(scenario: AuthScenario, { accessToken }: { accessToken: string }) {
  const headers = { "Idempotency-Key": crypto.randomUUID() }
  return scenario.call("POST", "/v1/checkout", { token: accessToken, body: {}, headers })
}

function cart(scenario: AuthScenario, { accessToken }: { accessToken: string }) {
  return scenario.call("GET", "/v1/cart", { token: accessToken })
}

const setRoles = (id: string, ...roles: string[]) =>
  env.DB.prepare("UPDATE _users SET roles = ? WHERE id = ?").bind(JSON.stringify(roles), id).run()

const ENDS: Record<string, (scenario: AuthScenario, session: SessionBody) => Promise<unknown>> = {
  "a sign-out": (scenario, { accessToken }) => scenario.auth("sign-out", undefined, { token: accessToken }),
  "a sign-out by refresh token": (scenario, { refreshToken }) => scenario.auth("sign-out", { refreshToken }),
  "a ban": (scenario, { user }) =>
    env.DB.prepare("UPDATE _users SET banned_until = ? WHERE id = ?")
      .bind(scenario.now() + 1, user.id)
      .run(),
  "the end of the session": (scenario, { accessToken, refreshToken }) =>
    scenario.call("DELETE", `/v1/auth/sessions/${refreshToken.split(".")[0]}`, { token: accessToken }),
  "the end of the account": (scenario, { accessToken }) =>
    scenario.call("DELETE", "/v1/auth/user", { token: accessToken }),
  "the reuse of a refresh token": async (scenario, { refreshToken }) => {
    await scenario.auth("refresh", { refreshToken })
    scenario.advance(10_000)
    await scenario.auth("refresh", { refreshToken })
  },
}

for (const [name, end] of Object.entries(ENDS)) {
  test(`34: after ${name} a refresh and strict routes fail at once, others when the access token expires`, async () => {
    const scenario = createAuthScenario()
    const session = await newVisitor(scenario)
    expect(await buy(scenario, session)).toMatchObject({ status: 422, body: { code: "cart_empty" } })
    await end(scenario, session)
    expect(await buy(scenario, session)).toMatchObject({ status: 401, body: { code: "unauthenticated" } })
    expect((await buy(scenario, session)).headers.get("WWW-Authenticate")).toContain('error="invalid_token"')
    expect(await scenario.call("GET", "/v1/auth/user", { token: session.accessToken })).toMatchObject({ status: 401 })
    expect(await scenario.auth("refresh", { refreshToken: session.refreshToken })).toMatchObject({ status: 401 })
    expect(await cart(scenario, session)).toMatchObject({ status: 200 })
    scenario.advance(10 * 60_000)
    expect(await cart(scenario, session)).toMatchObject({ status: 401, body: { code: "token_expired" } })
  })
}

test("34: after a password reset a refresh and strict routes fail at once", async () => {
  const scenario = createAuthScenario()
  const session = await scenario.newUser()
  await scenario.auth("password/forgot", { email: session.email })
  const { secret } = await scenario.mail(session.email, "reset-password")
  const reset = await scenario.auth("password/reset", { token: secret, password: "another long passphrase" })
  expect(reset).toMatchObject({ status: 200 })
  expect(await buy(scenario, session)).toMatchObject({ status: 401 })
  expect(await scenario.auth("refresh", { refreshToken: session.refreshToken })).toMatchObject({ status: 401 })
  expect(await cart(scenario, session)).toMatchObject({ status: 200 })
})

test("34: a strict check is one trip, and the only one of a refusal", async () => {
  const scenario = createAuthScenario()
  const session = await newVisitor(scenario)
  await scenario.auth("sign-out", undefined, { token: session.accessToken })
  await buy(scenario, session)
  expect(tripsOf(scenario).at(-1)).toBe(1)
})

test("a user's token without a session is refused by strict routes; the service's own passes", async () => {
  const scenario = createAuthScenario()
  const { user } = await newVisitor(scenario)
  const headers = { "Idempotency-Key": "no session" }
  const client = await scenario.as({ id: user.id })
  expect(await client.post("/v1/checkout", { body: {}, headers })).toMatchObject({ status: 401 })
  const service = await scenario.as("service")
  expect(await service.post("/v1/checkout", { body: {}, headers })).toMatchObject({ status: 422 })
})

test("a strict collection refuses an ended session, and asks nothing about whoever comes without one", async () => {
  const scenario = createStrictScenario()
  const session = await newVisitor(scenario)
  const films = (call: Parameters<AuthScenario["call"]>[2] = {}) => scenario.call("GET", "/v1/films?limit=1", call)
  expect(await films({ token: session.accessToken })).toMatchObject({ status: 200 })
  expect(tripsOf(scenario).at(-1)).toBe(2)
  expect(await films()).toMatchObject({ status: 200 })
  expect(tripsOf(scenario).at(-1)).toBe(1)
  await scenario.auth("sign-out", undefined, { token: session.accessToken })
  expect(await films({ token: session.accessToken })).toMatchObject({ status: 401 })
  const one = await scenario.call("GET", `/v1/films/${FILM}`, { token: session.accessToken })
  expect(one).toMatchObject({ status: 401 })
})

test("roles count as they are at this moment: one just given opens, one just taken shuts", async () => {
  const scenario = createStrictScenario()
  const { accessToken, user } = await newVisitor(scenario)
  const change = () => scenario.call("PATCH", `/v1/films/${FILM}`, { token: accessToken, body: { stock: 8 } })
  expect(await change()).toMatchObject({ status: 403 })
  await setRoles(user.id, "staff")
  expect(await change()).toMatchObject({ status: 200 })
  await setRoles(user.id)
  expect(await change()).toMatchObject({ status: 403 })
})

test("a batch is strict when one of its operations is", async () => {
  const scenario = createStrictScenario()
  const { accessToken, user } = await newVisitor(scenario)
  const write = (path: string, body: unknown) =>
    scenario.call("POST", "/v1/batch", {
      token: accessToken,
      body: {
        operations: [
          { method: "POST", path: "/v1/directors", body: { name: "x" } },
          { method: "PATCH", path, body },
        ],
      },
    })
  await setRoles(user.id, "staff")
  expect(await write("/v1/directors/x", { name: "y" })).toMatchObject({ status: 403 })
  expect(await write(`/v1/films/${FILM}`, { year: "none" })).toMatchObject({ status: 422 })
  await scenario.auth("sign-out", undefined, { token: accessToken })
  expect(await write(`/v1/films/${FILM}`, { year: 1931 })).toMatchObject({ status: 401 })
})

test("a collection that leads to a strict one is strict as well", async () => {
  const scenario = createStrictScenario()
  const session = await newVisitor(scenario)
  expect(await cart(scenario, session)).toMatchObject({ status: 200 })
  await scenario.auth("sign-out", undefined, { token: session.accessToken })
  expect(await cart(scenario, session)).toMatchObject({ status: 401 })
  const directors = await scenario.call("GET", "/v1/directors", { token: session.accessToken })
  expect(directors).toMatchObject({ status: 200 })
})

test("41: a revoked key is refused by strict collections at once", async () => {
  const scenario = createStrictScenario()
  const { user } = await newVisitor(scenario)
  const { key, hash, prefix } = createKey("api")
  await env.DB.prepare(
    `INSERT INTO _keys (id, hash, prefix, kind, user_id, name, scopes, created_at)
VALUES (?1, ?2, ?3, 'api', ?4, 'x', '["films:read","directors:read"]', 1)`,
  )
    .bind(crypto.randomUUID(), hash, prefix, user.id)
    .run()
  const get = async (path: string) => (await scenario.call("GET", path, { token: key })).status
  expect([await get("/v1/films"), await get("/v1/directors")]).toEqual([200, 200])
  await env.DB.prepare("UPDATE _keys SET revoked_at = 1 WHERE hash = ?").bind(hash).run()
  expect(await get("/v1/directors")).toBe(200)
  expect(await get("/v1/films")).toBe(401)
  expect(await get("/v1/directors")).toBe(401)
})

test("the document says which operations are strict", async () => {
  const scenario = createStrictScenario()
  const { paths } = (await scenario.call("GET", "/openapi.json")).body
  const said = (path: string) => paths[path].get.description as string
  expect(said("/v1/films")).toContain("Strict: ")
  expect(said("/v1/directors")).not.toContain("Strict: ")
  expect(backend.collections.get("films")?.strict).toBe(false)
})
