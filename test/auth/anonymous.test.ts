/** Visitors without an account: they get one without credentials, which becomes a full one or goes into one. */

import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { createAuthScenario, PASSWORD, type SessionBody, tripsOf } from "./scenario.ts"

const scenario = createAuthScenario()
let films: string[]

beforeAll(async () => {
  films = [crypto.randomUUID(), crypto.randomUUID()]
  for (const id of films) {
    await env.DB.prepare(
      "INSERT INTO films (id, title, price_cents, stock, created_at, updated_at) VALUES (?, 'A film', 100, 500, 0, 0)",
    )
      .bind(id)
      .run()
  }
})

async function visitor(quantities: readonly number[] = []): Promise<SessionBody> {
  const { body, status } = await scenario.auth("anonymous")
  expect(status).toBe(201)
  await fillCart(body, quantities)
  return body
}

async function fillCart({ accessToken }: SessionBody, quantities: readonly number[]): Promise<void> {
  for (const [index, quantity] of quantities.entries()) {
    if (quantity === 0) continue
    const body = { filmId: films[index], quantity }
    expect(await scenario.call("POST", "/v1/cart", { token: accessToken, body })).toMatchObject({ status: 201 })
  }
}

async function cartOf({ accessToken }: SessionBody): Promise<number[]> {
  const { body } = await scenario.call("GET", "/v1/cart", { token: accessToken })
  return films.map((film) => body.data.find((line: { filmId: string }) => line.filmId === film)?.quantity ?? 0)
}

test("an anonymous user costs one trip, has an id, and neither address nor name", async () => {
  const { user } = await visitor()
  expect(user).toMatchObject({ id: expect.any(String), email: null, name: null, roles: [], isAnonymous: true })
  expect(tripsOf(scenario)).toEqual([1])
})

test("signing up with its token keeps the id and the cart, and ends its earlier session", async () => {
  const before = await visitor([2])
  const { body } = await scenario.auth(
    "sign-up",
    { email: "visitor@example.com", password: PASSWORD, name: "Vi" },
    { token: before.accessToken },
  )
  expect(body.user).toMatchObject({ id: before.user.id, email: "visitor@example.com", name: "Vi", isAnonymous: false })
  expect(await cartOf(body)).toEqual([2, 0])
  expect(await scenario.auth("refresh", { refreshToken: before.refreshToken })).toMatchObject({ status: 401 })
})

test("a full account's token makes no second account out of itself", async () => {
  const person = await scenario.newUser()
  const other = await scenario.auth(
    "sign-up",
    { email: "second@example.com", password: PASSWORD },
    { token: person.accessToken },
  )
  expect(other.status).toBe(201)
  expect(other.body.user.id).not.toBe(person.user.id)
})

test("signing in to an account with its token moves the cart, film by film, in the same batch", async () => {
  const person = await scenario.newUser()
  await fillCart(person, [98, 0])
  const before = await visitor([3, 5])
  const { email } = person
  const { body } = await scenario.auth("sign-in", { email, password: PASSWORD }, { token: before.accessToken })
  expect(body.user.id).toBe(person.user.id)
  expect(await cartOf(body)).toEqual([99, 5])
  expect(await cartOf(before)).toEqual([0, 0])
  expect(await scenario.auth("refresh", { refreshToken: before.refreshToken })).toMatchObject({ status: 401 })
  const events = await scenario.events(person.user.id)
  expect(events.at(-1)).toMatchObject({ event: "accounts_merged", detail: JSON.stringify({ from: before.user.id }) })
})

test("of sign-ins at the same moment one moves the cart, and all succeed", async () => {
  const person = await scenario.newUser()
  const before = await visitor([1])
  const { email } = person
  const answers = await Promise.all(
    Array.from({ length: 5 }, () =>
      scenario.auth("sign-in", { email, password: PASSWORD }, { token: before.accessToken }),
    ),
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  expect(await cartOf(answers[0]!.body)).toEqual([1, 0])
})

test("a wrong password moves nothing", async () => {
  const person = await scenario.newUser()
  const before = await visitor([4])
  await scenario.auth("sign-in", { email: person.email, password: "not the passphrase" }, { token: before.accessToken })
  expect(await cartOf(before)).toEqual([4, 0])
})

test("where a second factor is asked for, the cart moves only once it is there", async () => {
  const person = await scenario.newUser()
  await env.DB.prepare("UPDATE _users SET mfa = 1 WHERE id = ?").bind(person.user.id).run()
  const before = await visitor([2])
  const { email } = person
  const { body } = await scenario.auth("sign-in", { email, password: PASSWORD }, { token: before.accessToken })
  expect(body).toEqual({ mfa: { ticket: expect.any(String), methods: ["totp", "recovery"] } })
  expect(await cartOf(before)).toEqual([2, 0])
})

test("a backend that doesn't name it has no anonymous users", async () => {
  const closed = createAuthScenario({ anonymous: false })
  expect(await closed.auth("anonymous")).toMatchObject({ status: 404 })
})

test("a token of an anonymous session that has ended neither becomes an account nor moves a cart", async () => {
  const person = await scenario.newUser()
  const before = await visitor([6])
  expect(await scenario.auth("sign-out", undefined, { token: before.accessToken })).toMatchObject({ status: 204 })
  const token = before.accessToken
  const upgraded = await scenario.auth("sign-up", { email: "late@example.com", password: PASSWORD }, { token })
  expect(upgraded).toMatchObject({ status: 409, body: { code: "conflict" } })
  const { status, body } = await scenario.auth("sign-in", { email: person.email, password: PASSWORD }, { token })
  expect(status).toBe(200)
  expect(await cartOf(body)).toEqual([0, 0])
})
