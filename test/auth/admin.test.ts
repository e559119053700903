/** What admins see and do: accounts, roles, bans, and the audit. */

import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { createAuthScenario, PASSWORD, type SessionBody } from "./scenario.ts"

const scenario = createAuthScenario()
let boss: SessionBody & { email: string }

beforeAll(async () => {
  await env.DB.exec("UPDATE _users SET roles = '[]'")
  const person = await scenario.newUser()
  await env.DB.prepare("UPDATE _users SET roles = '[\"admin\"]' WHERE id = ?").bind(person.user.id).run()
  const { body } = await scenario.auth("refresh", { refreshToken: person.refreshToken })
  boss = { ...person, ...body }
})

const asBoss = (method: string, path: string, body?: unknown) =>
  scenario.call(method, `/v1/admin/${path}`, { token: boss.accessToken, ...(body !== undefined && { body }) })

test("59: strangers are refused by every route of /v1/admin", async () => {
  const { accessToken } = await scenario.newUser()
  const routes = [
    ["GET", "users"],
    ["PATCH", `users/${boss.user.id}`],
    ["DELETE", `users/${boss.user.id}/sessions`],
    ["GET", "audit"],
    ["GET", "mails"],
    ["GET", "keys"],
    ["POST", "keys"],
  ] as const
  for (const [method, path] of routes) {
    const stranger = await scenario.call(method, `/v1/admin/${path}`, { token: accessToken })
    expect(stranger, path).toMatchObject({ status: 403, body: { code: "forbidden" } })
    expect(await scenario.call(method, `/v1/admin/${path}`), path).toMatchObject({ status: 401 })
  }
})

test("accounts are listed newest first in pages, and found by address in any case", async () => {
  const people = [await scenario.newUser(), await scenario.newUser(), await scenario.newUser()]
  const first = await asBoss("GET", "users?limit=2")
  expect(first.body.data.map(({ id }: { id: string }) => id)).toEqual([people[2]!.user.id, people[1]!.user.id])
  const next = await asBoss("GET", `users?limit=2&after=${first.body.page.next}`)
  expect(next.body.data[0].id).toBe(people[0]!.user.id)
  const found = await asBoss("GET", `users?email=${people[0]!.email.toUpperCase()}`)
  expect(found.body.data).toMatchObject([{ id: people[0]!.user.id, email: people[0]!.email, banned: false }])
  expect(JSON.stringify(found.body)).not.toMatch(/hash|argon2/)
})

test("a role is given by admins, and stands in the next access token", async () => {
  const person = await scenario.newUser()
  const changed = await asBoss("PATCH", `users/${person.user.id}`, { roles: ["staff", "staff"] })
  expect(changed).toMatchObject({ status: 200, body: { roles: ["staff"] } })
  const { body } = await scenario.auth("refresh", { refreshToken: person.refreshToken })
  expect(body.user.roles).toEqual(["staff"])
  const film = { title: "By new staff", priceCents: 1, stock: 1 }
  expect(await scenario.call("POST", "/v1/films", { token: body.accessToken, body: film })).toMatchObject({
    status: 201,
  })
})

test("34: a ban ends refresh at once and refuses sign-in, until it is lifted", async () => {
  const person = await scenario.newUser()
  expect(await asBoss("PATCH", `users/${person.user.id}`, { banned: true })).toMatchObject({ body: { banned: true } })
  expect(await scenario.auth("refresh", { refreshToken: person.refreshToken })).toMatchObject({ status: 401 })
  const refused = await scenario.auth("sign-in", { email: person.email, password: PASSWORD })
  expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" } })
  await asBoss("PATCH", `users/${person.user.id}`, { banned: false })
  expect(await scenario.auth("sign-in", { email: person.email, password: PASSWORD })).toMatchObject({ status: 200 })
})

test("35: an admin ends all sessions of an account", async () => {
  const person = await scenario.newUser()
  expect(await asBoss("DELETE", `users/${person.user.id}/sessions`)).toMatchObject({ status: 204 })
  expect(await scenario.auth("refresh", { refreshToken: person.refreshToken })).toMatchObject({ status: 401 })
  expect(await asBoss("DELETE", `users/${crypto.randomUUID()}/sessions`)).toMatchObject({ status: 404 })
})

test("59: the last admin can lose neither the role nor access, another one can", async () => {
  for (const change of [{ roles: [] }, { roles: ["staff"] }, { banned: true }]) {
    expect(await asBoss("PATCH", `users/${boss.user.id}`, change)).toMatchObject({
      status: 409,
      body: { code: "conflict" },
    })
  }
  const other = await scenario.newUser()
  await asBoss("PATCH", `users/${other.user.id}`, { roles: ["admin"] })
  expect(await asBoss("PATCH", `users/${other.user.id}`, { roles: [] })).toMatchObject({ status: 200 })
})

test("59: whoever was an admin a moment ago can't use the rest of an access token to stay one", async () => {
  for (const change of [{ roles: [] }, { banned: true }]) {
    const person = await scenario.newUser()
    await asBoss("PATCH", `users/${person.user.id}`, { roles: ["admin"] })
    const { accessToken } = (await scenario.auth("sign-in", { email: person.email, password: PASSWORD })).body
    const asFormer = (method: string, path: string, body?: unknown) =>
      scenario.call(method, `/v1/admin/${path}`, { token: accessToken, ...(body !== undefined && { body }) })
    expect(await asFormer("GET", "users")).toMatchObject({ status: 200 })
    await asBoss("PATCH", `users/${person.user.id}`, change)
    const status = "banned" in change ? 401 : 403
    const routes = [
      ["PATCH", `users/${person.user.id}`, { roles: ["admin"], banned: false }],
      ["DELETE", `users/${boss.user.id}/sessions`],
      ["POST", "keys", { name: "for later" }],
      ["DELETE", `keys/${crypto.randomUUID()}`],
      ["GET", "keys"],
      ["GET", "users"],
      ["GET", "audit"],
    ] as const
    for (const [method, path, body] of routes) {
      expect(await asFormer(method, path, body), path).toMatchObject({ status })
    }
  }
})

test("58: fields beyond roles and ban are refused", async () => {
  const answer = await asBoss("PATCH", `users/${boss.user.id}`, { email: "x@example.com", emailVerified: true })
  expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(["/email", "/emailVerified"])
})

test("60: the audit tells who did what to whom, newest first, by account and kind", async () => {
  const person = await scenario.newUser()
  await asBoss("PATCH", `users/${person.user.id}`, { banned: true })
  const { body } = await asBoss("GET", `audit?userId=${person.user.id}`)
  expect(body.data).toMatchObject([
    { event: "account_changed", actor: boss.user.id, userId: person.user.id, result: "ok", detail: { banned: true } },
    { event: "sign_up", actor: person.user.id, ip: expect.any(String) },
  ])
  const kinds = await asBoss("GET", `audit?userId=${person.user.id}&event=sign_up`)
  expect(kinds.body.data).toHaveLength(1)
})

test("60: what changes nobody is not in the audit", async () => {
  const person = await scenario.newUser()
  const stranger = crypto.randomUUID()
  expect(await asBoss("PATCH", `users/${stranger}`, { roles: ["staff"], banned: true })).toMatchObject({ status: 404 })
  expect(await asBoss("PATCH", `users/${person.user.id}`, {})).toMatchObject({ status: 200, body: { banned: false } })
  for (const id of [stranger, person.user.id]) {
    expect((await asBoss("GET", `audit?userId=${id}&event=account_changed`)).body.data).toEqual([])
  }
})
