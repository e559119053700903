/** Channels over a socket: who joins, what is said, what is kept, and how a client goes on. API.md §4. */

import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import { eventually } from "../eventually.ts"
import { type Client, connect, type Message } from "./client.ts"
import { call, evict, newPerson } from "./people.ts"

const newRoom = () => `room:${newId()}`
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

function said(client: Client, id = "1"): Message[] {
  return client.messages.filter((message) => message.type === "message" && message.id === id)
}

async function say(client: Client, data: unknown, id = "1"): Promise<Message> {
  const ref = newId()
  client.send({ type: "publish", id, event: "message", data, ref })
  return client.next((message) => message.ref === ref)
}

test("who joins is shown who is there and what was said", async () => {
  const room = newRoom()
  const { token, id } = await newPerson({ name: "Ada" })
  const ada = await connect({ token })
  expect(await ada.join("1", room)).toEqual({
    type: "snapshot",
    id: "1",
    seq: expect.any(String),
    members: [],
    messages: [],
  })
  const { seq } = await say(ada, { text: "hello" })
  const guest = await connect()
  expect(await guest.join("9", room)).toEqual({
    type: "snapshot",
    id: "9",
    seq,
    members: [],
    messages: [{ seq, event: "message", data: { text: "hello" }, from: { id, name: "Ada" }, at: expect.any(String) }],
  })
})

test("what is said reaches everybody, the publisher too, in one order, each under its own id", async () => {
  const room = newRoom()
  const [ada, bob] = [await newPerson({ name: "Ada" }), await newPerson()]
  const clients = [await connect({ token: ada.token }), await connect({ token: bob.token }), await connect()]
  for (const [n, client] of clients.entries()) await client.join(`in ${n}`, room)
  for (let n = 0; n < 20; n++)
    clients[n % 2]!.send({ type: "publish", id: `in ${n % 2}`, event: "message", data: n, ref: `${n}` })
  for (const [n, client] of clients.entries()) await eventually(() => expect(said(client, `in ${n}`)).toHaveLength(20))
  const told = clients.map((client, n) => said(client, `in ${n}`).map(({ id: _, ...rest }) => rest))
  expect(told[1]).toEqual(told[0])
  expect(told[2]).toEqual(told[0])
  const evens = told[0]!.filter(({ from }) => from.id === ada.id)
  expect(evens.map(({ data }) => data)).toEqual(range(0, 20).filter((n) => n % 2 === 0))
  expect(evens[0]).toEqual({
    ...{ type: "message", seq: expect.any(String), event: "message", data: 0 },
    ...{ from: { id: ada.id, name: "Ada" }, at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) },
  })
  const seqs = told[0]!.map(({ seq }) => seq)
  expect(seqs).toEqual([...new Set(seqs)].sort())
  const acks = clients[0]!.messages.filter(({ type }) => type === "ack")
  expect(acks).toEqual(evens.map(({ seq, data }) => ({ type: "ack", ref: `${data}`, seq })))
})

test("without a ref there is no ack", async () => {
  const { token } = await newPerson()
  const client = await connect({ token })
  await client.join("1", newRoom())
  client.send({ type: "publish", id: "1", event: "message", data: null })
  expect(await client.next({ type: "message" })).toMatchObject({ data: null })
  expect((await client.quiet()).filter(({ type }) => type === "ack")).toEqual([])
})

test("rules say who may join and publish, by caller and parameters", async () => {
  const [staff, other] = [await newPerson({ roles: ["staff"] }), await newPerson()]
  const [inside, outside, nobody] = [
    await connect({ token: staff.token }),
    await connect({ token: other.token }),
    await connect(),
  ]
  const name = `staff:${newId()}`
  expect(await inside.join("1", name)).toMatchObject({ type: "snapshot" })
  expect(await outside.join("1", name)).toMatchObject({
    type: "problem",
    id: "1",
    problem: { status: 403, code: "forbidden" },
  })
  expect(await nobody.join("1", name)).toMatchObject({
    type: "problem",
    problem: { status: 401, code: "unauthenticated" },
  })
  expect(await outside.join("2", `inbox:${other.id}`)).toMatchObject({ type: "snapshot" })
  expect(await inside.join("2", `inbox:${other.id}`)).toMatchObject({ problem: { status: 403 } })
  expect(await say(outside, "to myself", "2")).toMatchObject({ type: "problem", problem: { status: 403 } })
  const room = newRoom()
  await nobody.join("3", room)
  expect(await say(nobody, "hello", "3")).toMatchObject({ type: "problem", problem: { status: 401 } })
  await say(inside, "for staff alone")
  await outside.quiet()
  expect(JSON.stringify([...outside.messages, ...nobody.messages])).not.toContain("for staff alone")
})

test("one must have joined to publish", async () => {
  const { token } = await newPerson()
  const client = await connect({ token })
  const room = newRoom()
  expect(await say(client, "hello")).toMatchObject({ type: "problem", problem: { code: "not_found" } })
  await client.join("1", room)
  client.send({ type: "leave", id: "1" })
  expect(await say(client, "hello")).toMatchObject({ type: "problem", problem: { code: "not_found" } })
  await client.query("1", "films", { title: newId() })
  expect(await say(client, "hello")).toMatchObject({ type: "problem", problem: { code: "not_found" } })
})

test.each([
  "lobby",
  "room:",
  "room:a:b",
  "room:a b",
  "room:{id}",
  "table:films",
  "callers",
  "constructor",
  `room:${"x".repeat(200)}`,
])("a channel that is not declared is not_found: %s", async (channel) => {
  const client = await connect()
  expect(await client.join("1", channel)).toMatchObject({
    type: "problem",
    id: "1",
    problem: { status: 404, code: "not_found" },
  })
  client.send("ping")
  await client.next({ type: "pong" })
})

test("an event that its schema refuses is a problem with pointers, and is told nobody", async () => {
  const name = `poll:${newId()}`
  const client = await connect()
  await client.join("1", name)
  const publish = async (event: string, data: unknown) => {
    client.send({ type: "publish", id: "1", event, data, ref: "r" })
    return client.next({ ref: "r" })
  }
  expect(await publish("vote", { choice: 2 })).toMatchObject({ type: "ack" })
  expect(await publish("vote", { choice: 4 })).toMatchObject({
    ...{ type: "problem", id: "1", ref: "r" },
    problem: { status: 422, code: "validation_failed", errors: [{ pointer: "/data/choice" }] },
  })
  expect(await publish("vote", { choice: 1, more: 1 })).toMatchObject({ problem: { code: "validation_failed" } })
  expect(await publish("cheat", {})).toMatchObject({ problem: { errors: [{ pointer: "/event" }] } })
  expect(await publish("close", null)).toMatchObject({ type: "ack" })
  await client.quiet()
  expect(said(client).map(({ event }) => event)).toEqual(["vote", "close"])
})

test("history is bounded by its count, and where none is declared there is none", async () => {
  const [log, wire] = [`log:${newId()}`, `wire:${newId()}`]
  const client = await connect()
  await client.join("1", log)
  await client.join("2", wire)
  for (let n = 0; n < 8; n++) {
    await say(client, n)
    await say(client, n, "2")
  }
  const late = await connect()
  expect((await late.join("1", log)).messages.map(({ data }: Message) => data)).toEqual([3, 4, 5, 6, 7])
  expect((await late.join("2", wire)).messages).toEqual([])
  await say(client, 8, "2")
  expect(await late.next({ type: "message" })).toMatchObject({ id: "2", data: 8 })
})

test("a client that comes back gets what it missed, once, in order, and no snapshot", async () => {
  const room = newRoom()
  const { token } = await newPerson()
  const [speaker, listener] = [await connect({ token }), await connect()]
  await speaker.join("1", room)
  await listener.join("1", room)
  for (let n = 0; n < 5; n++) await say(speaker, n)
  await eventually(() => expect(said(listener)).toHaveLength(5))
  const { seq } = said(listener)[2]!
  await listener.close()
  for (let n = 5; n < 30; n++) await say(speaker, n)
  const again = await connect()
  again.send({ type: "join", id: "1", channel: room, since: seq })
  await eventually(() => expect(said(again)).toHaveLength(27))
  await say(speaker, 30)
  await eventually(() => expect(said(again)).toHaveLength(28))
  expect(said(again).map(({ data }) => data)).toEqual(range(3, 31))
  expect(again.messages.filter(({ type }) => type === "snapshot")).toEqual([])
})

test.each<[string, (seq: string) => string]>([
  ["is no place", () => "17"],
  ["is of another log", (seq) => `${"0".repeat(12)}${seq.slice(12)}`],
  ["is later than all", (seq) => seq.replace(/\.\d+$/, ".9007199254740991")],
])("a since that %s brings a snapshot", async (_, change) => {
  const room = newRoom()
  const { token } = await newPerson()
  const client = await connect({ token })
  await client.join("1", room)
  const { seq } = await say(client, "kept")
  expect(await client.join("2", room, { since: change(seq) })).toMatchObject({
    type: "snapshot",
    messages: [{ data: "kept" }],
  })
})

test("where the log no longer reaches back a snapshot comes", async () => {
  const log = `log:${newId()}`
  const client = await connect()
  await client.join("1", log)
  const { seq } = await say(client, 0)
  for (let n = 1; n < 10; n++) await say(client, n)
  const again = await connect()
  const snapshot = await again.join("1", log, { since: seq })
  expect(snapshot).toMatchObject({ type: "snapshot" })
  expect(snapshot.messages.map(({ data }: Message) => data)).toEqual([5, 6, 7, 8, 9])
})

test("the same id joins another channel in place of the first", async () => {
  const [one, other] = [`log:${newId()}`, `log:${newId()}`]
  const [client, speaker] = [await connect(), await connect()]
  await client.join("1", one)
  await client.join("1", other)
  await speaker.join("1", one)
  await speaker.join("2", other)
  await say(speaker, "one")
  await say(speaker, "other", "2")
  expect(await client.next({ type: "message" })).toMatchObject({ data: "other" })
})

test("leave ends it", async () => {
  const log = `log:${newId()}`
  const [client, speaker] = [await connect(), await connect()]
  await client.join("1", log)
  await speaker.join("1", log)
  client.send({ type: "leave", id: "1" }, "ping")
  await client.next({ type: "pong" })
  await say(speaker, "alone")
  expect(await client.quiet(300)).toEqual([])
})

test("what a route publishes reaches everybody, from the service", async () => {
  const id = newId()
  const { token } = await newPerson()
  const client = await connect()
  await client.join("1", `room:${id}`)
  const { status, body } = await call("POST", "/v1/announce", token, { room: id, text: "the film begins" })
  expect(status).toBe(200)
  expect(await client.next({ type: "message" })).toMatchObject({
    ...{ seq: body.seq, event: "announcement", data: { text: "the film begins" }, from: { id: "service" } },
  })
})

test("who loses a role is told no more in the channels that needed it", async () => {
  const admin = await newPerson({ roles: ["admin"] })
  const [staff, other] = [await newPerson({ roles: ["staff"] }), await newPerson({ roles: ["staff"] })]
  const name = `staff:${newId()}`
  const [client, speaker] = [await connect({ token: staff.token }), await connect({ token: other.token })]
  await client.join("1", name)
  await speaker.join("1", name)
  expect((await call("PATCH", `/v1/admin/users/${staff.id}`, admin.token, { roles: [] })).status).toBe(200)
  expect(await client.next({ type: "problem" })).toMatchObject({ id: "1", problem: { status: 403 } })
  await say(speaker, "among us")
  expect(await client.quiet(300)).toEqual([])
})

test("a channel goes on where it was after hubs and topics have been out of memory", async () => {
  const room = newRoom()
  const { token } = await newPerson()
  const [speaker, listener] = [await connect({ token }), await connect()]
  await speaker.join("1", room)
  await listener.join("1", room)
  for (let n = 0; n < 12; n++) {
    if (n % 3 === 0) await evict("HUB")
    if (n % 4 === 0) await evict("TOPIC")
    await say(speaker, n)
  }
  await eventually(() => expect(said(listener)).toHaveLength(12))
  expect(said(listener).map(({ data }) => data)).toEqual(range(0, 12))
  expect(said(speaker)).toEqual(said(listener))
})
