/** The own account: seen, renamed, and deleted so that nothing personal stays. */

import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { type AuthScenario, createAuthScenario, PASSWORD, type SessionBody, tripsOf } from "./scenario.ts"

const FILM = "0199f11a-0000-7000-8000-00000000f002"
const MINUTE = 60_000

beforeAll(async () => {
  await env.DB.prepare(
    `INSERT INTO films (id, created_at, updated_at, version, title, price_cents, stock) VALUES (?, 1, 1, 1, 'M', 1, 99)`,
  )
    .bind(FILM)
    .run()
})

async function newVisitor(scenario: AuthScenario): Promise<SessionBody> {
  return (await scenario.auth("anonymous")).body
}

const account = (scenario: AuthScenario, method: string, token: string, body?: unknown) =>
  scenario.call(method, "/v1/auth/user", { token, ...(body !== undefined && { body }) })

const sql = (text: string, ...params: unknown[]) =>
  env.DB.prepare(text)
    .bind(...params)
    .run()

const sqlChanges = async (text: string, ...params: unknown[]) => (await sql(text, ...params)).meta.changes

test("the own account is what sign-in showed, in one trip", async () => {
  const scenario = createAuthScenario()
  const { accessToken, user } = await newVisitor(scenario)
  const answer = await account(scenario, "GET", accessToken)
  expect(answer).toMatchObject({ status: 200 })
  expect(answer.body).toEqual(user)
  expect(tripsOf(scenario).at(-1)).toBe(1)
})

test("a name can be set and taken away, and each change is in the audit", async () => {
  const scenario = createAuthScenario()
  const { accessToken, user } = await newVisitor(scenario)
  const named = await account(scenario, "PATCH", accessToken, { name: "  Ada " })
  expect(named).toMatchObject({ status: 200, body: { ...user, name: "Ada", updatedAt: expect.any(String) } })
  expect(tripsOf(scenario).at(-1)).toBe(1)
  const merged = await scenario.call("PATCH", "/v1/auth/user", {
    token: accessToken,
    body: { name: "Ada L." },
    headers: { "Content-Type": "application/merge-patch+json" },
  })
  expect(merged).toMatchObject({ status: 200, body: { name: "Ada L." } })
  expect(await account(scenario, "PATCH", accessToken, {})).toMatchObject({ status: 200, body: { name: "Ada L." } })
  expect(await account(scenario, "PATCH", accessToken, { name: "Ada L." })).toMatchObject({ status: 200 })
  expect(await account(scenario, "PATCH", accessToken, { name: null })).toMatchObject({ body: { name: null } })
  const changes = (await scenario.events(user.id)).filter(({ event }) => event === "account_changed")
  expect(changes).toHaveLength(3)
})

test("a name that can't be stored as it is sent is refused", async () => {
  const scenario = createAuthScenario()
  const { accessToken } = await newVisitor(scenario)
  for (const name of ["Ada\0", "Ada\ud800", "\udc00Ada", " ", "x".repeat(201)]) {
    expect(await account(scenario, "PATCH", accessToken, { name }), JSON.stringify(name)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: "/name" }] },
    })
  }
})

test("58: everything but the name is refused with a pointer, and nothing changes", async () => {
  const scenario = createAuthScenario()
  const { accessToken, user } = await newVisitor(scenario)
  const wanted = {
    name: "Ada",
    id: crypto.randomUUID(),
    email: "x@example.com",
    emailVerified: true,
    roles: ["admin"],
    isAnonymous: false,
    mfa: true,
    bannedUntil: null,
    deletedAt: null,
  }
  const answer = await account(scenario, "PATCH", accessToken, wanted)
  const { name: _, ...refused } = wanted
  expect(answer.status).toBe(422)
  expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(
    Object.keys(refused).map((key) => `/${key}`),
  )
  expect((await account(scenario, "GET", accessToken)).body).toEqual(user)
  for (const name of ["", " ", "x".repeat(201), "a\0b", 7])
    expect(await account(scenario, "PATCH", accessToken, { name })).toMatchObject({ status: 422 })
})

test("57: who has signed out, or was deleted, sees and changes nothing", async () => {
  const scenario = createAuthScenario()
  const { accessToken } = await newVisitor(scenario)
  await scenario.auth("sign-out", undefined, { token: accessToken })
  for (const [method, body] of [["GET"], ["PATCH", { name: "x" }], ["PATCH", {}], ["DELETE"]] as const)
    expect(await account(scenario, method, accessToken, body), method).toMatchObject({ status: 401 })
})

test("21: an account is deleted only soon after a sign-in, however fresh its tokens are", async () => {
  const scenario = createAuthScenario()
  const { email, user, refreshToken } = await scenario.newUser()
  scenario.advance(10 * MINUTE + 1)
  const { body } = await scenario.auth("refresh", { refreshToken })
  const stale = await account(scenario, "DELETE", body.accessToken)
  expect(stale).toMatchObject({ status: 403, body: { code: "reauthentication_required" } })
  expect(await account(scenario, "GET", body.accessToken)).toMatchObject({ status: 200, body: { email } })
  const again = await scenario.auth("sign-in", { email, password: PASSWORD })
  expect(await account(scenario, "DELETE", again.body.accessToken)).toMatchObject({ status: 204, text: "" })
  expect(tripsOf(scenario).at(-1)).toBe(1)
  expect((await scenario.events(user.id)).at(-1)).toMatchObject({ event: "account_deleted", result: "ok", ip: null })
})

test("an anonymous user, who can't sign in again, is deleted at any time", async () => {
  const scenario = createAuthScenario()
  const { refreshToken } = await newVisitor(scenario)
  scenario.advance(60 * MINUTE)
  const { body } = await scenario.auth("refresh", { refreshToken })
  expect(await account(scenario, "DELETE", body.accessToken)).toMatchObject({ status: 204 })
})

test("59: the last admin can't delete itself, not even beside one who is banned", async () => {
  const scenario = createAuthScenario()
  const [ada, bob] = [await newVisitor(scenario), await newVisitor(scenario)]
  await sql("UPDATE _users SET roles = '[\"admin\"]' WHERE id IN (?, ?)", ada.user.id, bob.user.id)
  await sql("UPDATE _users SET banned_until = ? WHERE id = ?", scenario.now() + MINUTE, bob.user.id)
  const refused = await account(scenario, "DELETE", ada.accessToken)
  expect(refused).toMatchObject({ status: 409, body: { code: "conflict" } })
  expect(await account(scenario, "GET", ada.accessToken)).toMatchObject({ status: 200 })
  scenario.advance(MINUTE)
  expect(await account(scenario, "DELETE", ada.accessToken)).toMatchObject({ status: 204 })
  expect(await account(scenario, "DELETE", bob.accessToken)).toMatchObject({ status: 409 })
  await sql("UPDATE _users SET roles = '[]' WHERE id = ?", bob.user.id)
})

test("after a deletion no row of any table holds the address, the name or where its owner was", async () => {
  const scenario = createAuthScenario()
  const [email, name, ip, agent, place] = [
    "quill@forget.example",
    "Quillon Ashgrove",
    "192.0.2.211",
    "Zweig/7",
    "Quillburg, ZZ",
  ]
  const from = { ip, headers: { "User-Agent": agent } }
  const visitor = (await scenario.auth("anonymous", undefined, from)).body as SessionBody
  const signedUp = await scenario.auth("sign-up", { email, name, password: PASSWORD }, from)
  const { id } = signedUp.body.user
  const session = await scenario.auth("sign-in", { email, password: PASSWORD }, { ...from, token: visitor.accessToken })
  const token = session.body.accessToken
  await scenario.auth("sign-in", { email, password: "not the passphrase" }, from)
  await scenario.settled()
  const refreshed = await scenario.auth("refresh", { refreshToken: session.body.refreshToken }, from)
  const put = (path: string, body: unknown) =>
    scenario.call("POST", path, { ...from, token, body, headers: { ...from.headers, "Idempotency-Key": path } })
  expect(await put("/v1/reviews", { filmId: FILM, stars: 5, body: "Fine." })).toMatchObject({ status: 201 })
  expect(await put("/v1/cart", { filmId: FILM, quantity: 1 })).toMatchObject({ status: 201 })
  const order = await put("/v1/checkout", {})
  expect(order).toMatchObject({ status: 201 })
  await scenario.call("DELETE", "/v1/cart/none", { token })
  expect(await scenario.call("POST", "/v1/cart", { token, body: { filmId: FILM, quantity: 2 } })).toMatchObject({
    status: 201,
  })
  await sql("UPDATE _sessions SET place = ? WHERE user_id IN (?, ?)", place, id, visitor.user.id)
  await sql("INSERT INTO _identities VALUES ('https://id.example', 'sub-quill', ?, ?, 1)", id, email)
  await sql("INSERT INTO _idempotency VALUES (?, 'own route', 'f', 200, ?, 1)", `user:${id}`, JSON.stringify({ email }))
  await sql("INSERT INTO _totps (user_id, secret) VALUES (?, 'sealed')", id)
  await sql("INSERT INTO _recovery_codes VALUES (?, 'hash')", id)
  await sql(
    `INSERT INTO _keys (id, hash, prefix, kind, user_id, name, scopes, created_at) VALUES ('k', 'h', 'p', 'api', ?, ?, '[]', 1)`,
    id,
    `key of ${name}`,
  )
  await sql(`INSERT INTO _passkeys VALUES ('c', ?, 'k', 0, '[]', 0, 'a', ?, 1, NULL)`, id, `laptop of ${name}`)
  const secrets = [
    ["verify-email", null, { signUp: { email, name, hash: "x" } }],
    ["sign-in-link", email, { email }],
    ["exchange", null, { arrival: { email } }],
    ["sign-in-link", `x${email}`, { email: `x${email}` }],
  ] as const
  for (const [i, [purpose, subject, payload]] of secrets.entries())
    await sql(
      "INSERT INTO _one_time VALUES (?, ?, NULL, ?, ?, 0, 9e15)",
      purpose,
      `h${i}`,
      subject,
      JSON.stringify(payload),
    )
  await sql(
    "INSERT INTO _auth_events (at, event, user_id, actor, ip, result) VALUES (1, 'x', 'other', ?, ?, 'ok')",
    id,
    ip,
  )
  await sql("INSERT INTO _one_time VALUES ('mfa', 'h', ?, NULL, '{}', 0, 9e15)", id)
  const personal = [email, name, ip, agent, place]
  const before = await dump()
  for (const text of personal) expect(before, `${text} was there`).toContain(text)

  expect(await account(scenario, "DELETE", token)).toMatchObject({ status: 204 })
  await scenario.settled()

  expect(await sqlChanges("DELETE FROM _one_time WHERE subject = ?", `x${email}`)).toBe(1)
  const after = await dump()
  for (const text of personal) expect(after.toLowerCase()).not.toContain(text.toLowerCase())
  for (const table of ["_passwords", "_identities", "_passkeys", "_totps", "_recovery_codes", "_keys", "_one_time"]) {
    const { results } = await env.DB.prepare(`SELECT 1 FROM ${table} WHERE user_id = ?`).bind(id).all()
    expect(results, table).toEqual([])
  }
  const kept = await env.DB.prepare("SELECT * FROM _users WHERE id = ?").bind(id).first()
  expect(kept).toMatchObject({
    id,
    email: null,
    name: null,
    roles: "[]",
    email_verified: 0,
    deleted_at: scenario.now(),
  })

  const refused = { status: 401 }
  expect(await account(scenario, "GET", token)).toMatchObject(refused)
  expect(await scenario.call("GET", "/v1/auth/sessions", { token })).toMatchObject(refused)
  expect(await scenario.auth("refresh", { refreshToken: refreshed.body.refreshToken })).toMatchObject(refused)
  expect(await scenario.auth("refresh", { refreshToken: signedUp.body.refreshToken })).toMatchObject(refused)
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject(refused)
  expect(await put("/v1/checkout", {})).toMatchObject(refused)

  const film = await scenario.call("GET", `/v1/films/${FILM}?expand=reviews.author`)
  expect(film.body.reviews).toMatchObject([{ stars: 5, authorId: id, author: { id, name: null } }])
  const service = await scenario.as("service")
  expect((await service.get(`/v1/orders/${order.body.id}?expand=items`)).body).toMatchObject({
    userId: id,
    items: [{ filmId: FILM, quantity: 1 }],
  })
  const carts = await env.DB.prepare("SELECT 1 FROM cart WHERE user_id = ?").bind(id).all()
  expect(carts.results).toEqual([])

  const next = await scenario.auth("sign-up", { email, password: PASSWORD })
  expect(next).toMatchObject({ status: 201, body: { user: { email, name: null } } })
  expect(next.body.user.id).not.toBe(id)
})

test("another's account keeps all it has", async () => {
  const scenario = createAuthScenario()
  const [ada, bob] = [await newVisitor(scenario), await newVisitor(scenario)]
  await scenario.call("POST", "/v1/cart", { token: bob.accessToken, body: { filmId: FILM, quantity: 1 } })
  await account(scenario, "DELETE", ada.accessToken)
  expect(await account(scenario, "GET", bob.accessToken)).toMatchObject({ status: 200, body: bob.user })
  expect((await scenario.call("GET", "/v1/cart", { token: bob.accessToken })).body.data).toHaveLength(1)
  expect(await scenario.auth("refresh", { refreshToken: bob.refreshToken })).toMatchObject({ status: 200 })
  expect((await scenario.events(bob.user.id)).every(({ ip }) => ip !== null)).toBe(true)
})

/** All rows of all tables, as text. */
async function dump(): Promise<string> {
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
  ).all<{ name: string }>()
  const rows = await env.DB.batch(results.map(({ name }) => env.DB.prepare(`SELECT * FROM "${name}"`)))
  return JSON.stringify(rows.map((table) => table.results))
}
