/** What `/v1/live` promises of a connection: API.md §4, frames about the caller and closes. */

import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import { wait } from "../../src/core/wait.ts"
import { connect, upgrade } from "./client.ts"
import { call, create, fed, newPerson, serviceToken, tokenOf, update } from "./people.ts"

test("a socket is ready at once, for nobody in particular", async () => {
  const { ready } = await connect()
  expect(ready).toEqual({ type: "ready", connection: expect.any(String), retry: expect.any(Number) })
  expect(ready.retry).toBeGreaterThan(0)
  expect((await connect()).ready.connection).not.toBe(ready.connection)
})

test("auth is answered with who that is, and until when", async () => {
  const person = await newPerson({ seconds: 300 })
  const client = await connect()
  const { connection } = client.ready
  const ready = await client.authenticate(person.token)
  expect(ready).toEqual({
    type: "ready",
    connection,
    userId: person.id,
    expiresAt: expect.any(String),
    retry: expect.any(Number),
  })
  expect(Math.abs(Date.parse(ready.expiresAt) - Date.now() - 300_000)).toBeLessThan(10_000)
})

test("a token can be renewed, and the subscriptions stay", async () => {
  const person = await newPerson({ seconds: 100 })
  const client = await connect({ token: person.token })
  const before = client.ready.expiresAt
  const text = newId()
  await client.query("1", "drafts", { text })
  await client.authenticate(await tokenOf(person, { seconds: 500 }))
  expect(client.ready.expiresAt > before).toBe(true)
  await create("drafts", { ownerId: person.id, text })
  expect(await client.next({ type: "change", id: "1" })).toMatchObject({ op: "added", record: { text } })
})

test("another user on the same socket is refused with 4403", async () => {
  const [one, other] = [await newPerson(), await newPerson()]
  const client = await connect({ token: one.token })
  client.send({ type: "auth", token: other.token })
  expect((await client.closed).code).toBe(4403)
})

test.each([
  ["is none", async () => "abc.def.ghi"],
  ["is of another maker", async () => `${(await newPerson()).token.slice(0, -4)}AAAA`],
  [
    "has expired",
    async () => {
      const person = await newPerson({ seconds: 1 })
      await wait(2_000)
      return person.token
    },
  ],
  ["is an unknown key", async () => "sk_0000000000000000000000000000000000000000"],
])("a token that %s is a problem, and the socket closes with 4401", async (_, make) => {
  const client = await connect()
  client.send({ type: "auth", token: await make() })
  expect(await client.next({ type: "problem" })).toMatchObject({ problem: { status: 401 } })
  expect((await client.closed).code).toBe(4401)
})

test("the socket closes with 4401 when its token expires", async () => {
  const { token } = await newPerson({ seconds: 4 })
  const client = await connect({ token })
  const since = Date.now()
  expect((await client.closed).code).toBe(4401)
  expect(Date.now() - since).toBeLessThan(8_000)
})

test("a token that is renewed in time keeps it open", async () => {
  const person = await newPerson({ seconds: 4 })
  const client = await connect({ token: person.token })
  await client.authenticate(await tokenOf(person, { seconds: 300 }))
  await wait(5_500)
  expect(client.closing).toBeUndefined()
})

test("the end of its session closes the socket within seconds", async () => {
  const person = await newPerson()
  const client = await connect({ token: person.token })
  const stays = await connect({ token: (await newPerson()).token })
  expect((await call("DELETE", `/v1/auth/sessions/${person.session}`, person.token)).status).toBeLessThan(300)
  expect((await client.closed).code).toBe(4401)
  expect(stays.closing).toBeUndefined()
})

test("a token whose session has ended already is refused", async () => {
  const person = await newPerson()
  await call("DELETE", `/v1/auth/sessions/${person.session}`, person.token)
  await fed()
  const client = await connect()
  client.send({ type: "auth", token: person.token })
  expect((await client.closed).code).toBe(4401)
})

test("a ban closes the sockets of the account within seconds", async () => {
  const admin = await newPerson({ roles: ["admin"] })
  const person = await newPerson()
  const client = await connect({ token: person.token })
  expect((await call("PATCH", `/v1/admin/users/${person.id}`, admin.token, { banned: true })).status).toBe(200)
  expect((await client.closed).code).toBe(4401)
})

test("who loses a role sees no more what needed it", async () => {
  const admin = await newPerson({ roles: ["admin"] })
  const person = await newPerson({ roles: ["staff"] })
  const film = await create("films", { title: "Alien" })
  const review = await create("reviews", { filmId: film.id, hidden: true, body: "before" })
  const client = await connect({ token: person.token })
  const picture = client.picture("1")
  await client.query("1", "reviews", { filmId: film.id })
  expect(picture.sorted()).toMatchObject([{ id: review.id }])
  expect((await call("PATCH", `/v1/admin/users/${person.id}`, admin.token, { roles: [] })).status).toBe(200)
  await fed()
  await wait(1_000)
  await update("reviews", review.id, { body: "after" })
  await fed()
  expect(JSON.stringify(await client.quiet(500))).not.toContain("after")
  if (!client.closing) expect(picture.sorted()).toEqual([])
  else expect(client.closing.code).toBe(4401)
})

test("a revoked key closes the sockets that came with it", async () => {
  const person = await newPerson()
  const made = await call("POST", "/v1/auth/keys", person.token, { name: "one", scopes: ["films:read"] })
  expect(made.status).toBe(201)
  const client = await connect({ token: made.body.key })
  expect(await client.query("1", "films", { title: newId() })).toMatchObject({ type: "snapshot", data: [] })
  expect(await client.query("2", "prices", {})).toMatchObject({ type: "problem", problem: { status: 403 } })
  await call("DELETE", `/v1/auth/keys/${made.body.id}`, person.token)
  expect((await client.closed).code).toBe(4401)
})

test("the application's own token sees everything", async () => {
  const client = await connect({ token: await serviceToken() })
  const text = newId()
  const draft = await create("drafts", { ownerId: newId(), text })
  expect(await client.query("1", "drafts", { text })).toMatchObject({ type: "snapshot", data: [{ id: draft.id }] })
})

test("ping is answered pong", async () => {
  const client = await connect()
  client.send("ping")
  await client.next({ type: "pong" })
})

test("an origin must be listed, where there is one", async () => {
  expect((await upgrade({ Origin: "https://evil.example" })).status).toBe(403)
  expect((await upgrade({ Origin: "null" })).status).toBe(403)
  for (const origin of ["https://app.example", "http://edge.example"]) {
    const response = await upgrade({ Origin: origin })
    expect(response.status).toBe(101)
    response.webSocket!.accept()
    response.webSocket!.close()
  }
})

test("what is no upgrade is told so", async () => {
  const plain = await call("GET", "/v1/live")
  expect(plain.status).toBeGreaterThanOrEqual(400)
  expect(plain.status).toBeLessThan(500)
  expect((await call("POST", "/v1/live", undefined, {})).status).toBe(405)
})

test("frames are handled in order, also while auth waits", async () => {
  const person = await newPerson()
  const text = newId()
  const draft = await create("drafts", { ownerId: person.id, text })
  const client = await connect()
  const query = (id: string) => ({ type: "query", id, collection: "drafts", query: { text } })
  client.send({ type: "auth", token: person.token }, query("1"), query("2"), { type: "leave", id: "1" }, query("3"))
  await client.next({ type: "snapshot", id: "3" })
  expect(client.messages.map(({ type, id }) => id ?? type)).toEqual(["ready", "ready", "1", "2", "3"])
  for (const { data } of client.messages.slice(2)) expect(data).toMatchObject([{ id: draft.id }])
  await update("drafts", draft.id, { text: `${text}!` })
  await client.next({ type: "change", id: "3" })
  expect((await client.quiet()).filter(({ type, id }) => type === "change" && id === "1")).toEqual([])
})
