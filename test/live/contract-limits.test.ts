/** What a client may send, and what becomes of one that sends more or something else: API.md §4. */

import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import { type Client, connect } from "./client.ts"
import { newPerson } from "./people.ts"

async function closesWith(client: Client, code: number, problem: object): Promise<void> {
  expect(await client.next({ type: "problem" })).toMatchObject({ problem })
  expect((await client.closed).code).toBe(code)
}

const deep = `{"type":"query","id":"1","collection":"films","query":${"[".repeat(5_000)}${"]".repeat(5_000)}}`

test.each([
  ["is no JSON", "{"],
  ["is empty", ""],
  ["is no object", "[]"],
  ["is text", '"ping"'],
  ["has no type", "{}"],
  ["is of an unknown type", '{"type":"reboot"}'],
  ["is of a type that only the server sends", '{"type":"snapshot","id":"1"}'],
  ["names a type that every object has", '{"type":"constructor"}'],
  ["lacks its id", '{"type":"query","collection":"films"}'],
  ["has an id of another kind", '{"type":"leave","id":1}'],
  ["is nested deeply", deep],
  ["is bytes", new TextEncoder().encode('{"type":"leave","id":"1"}').buffer as ArrayBuffer],
])("a frame that %s is a problem, and the socket closes with 4400", async (_, frame) => {
  const client = await connect()
  client.send(frame)
  await closesWith(client, 4400, { status: expect.any(Number), code: expect.any(String) })
})

test("the subscription past the hundredth is a problem, and the socket closes with 4429", async () => {
  const client = await connect()
  const title = newId()
  for (let n = 1; n <= 100; n++) client.send({ type: "query", id: `${n}`, collection: "films", query: { title } })
  await client.next({ type: "snapshot", id: "100" })
  client.send({ type: "query", id: "100", collection: "films", query: {} })
  client.send({ type: "leave", id: "1" }, { type: "query", id: "101", collection: "films", query: { title } })
  await client.next({ type: "snapshot", id: "101" })
  expect(client.closing).toBeUndefined()
  client.send({ type: "query", id: "102", collection: "films", query: { title } })
  await closesWith(client, 4429, { status: 429, code: "rate_limited" })
})

test("a frame of 64 KiB is taken, a longer one is a problem, and the socket closes with 4429", async () => {
  const frame = (length: number) => {
    const text = JSON.stringify({ type: "query", id: "1", collection: "nothing", query: { title: "" } })
    return text.replace('""', `"${"x".repeat(length - text.length)}"`)
  }
  const client = await connect()
  client.send(frame(64 * 1024))
  expect(await client.next({ type: "problem", id: "1" })).toMatchObject({ problem: { code: "not_found" } })
  client.send(frame(64 * 1024 + 1))
  await closesWith(client, 4429, { status: expect.any(Number) })
})

test("64 KiB are bytes, not characters", async () => {
  const client = await connect()
  client.send({ type: "query", id: "1", collection: "nothing", query: { title: "é".repeat(40_000) } })
  await closesWith(client, 4429, { status: expect.any(Number) })
})

test("publishes over the burst are a problem, and the socket closes with 4429", async () => {
  const { token } = await newPerson()
  const client = await connect({ token })
  await client.join("1", `room:${newId()}`)
  const since = Date.now()
  for (let n = 1; n <= 300; n++) client.send({ type: "publish", id: "1", event: "message", data: n, ref: `${n}` })
  const problem = await client.next({ type: "problem" })
  expect(problem).toMatchObject({ ref: expect.any(String), problem: { status: 429, code: "rate_limited" } })
  expect((await client.closed).code).toBe(4429)
  const acks = client.messages.filter(({ type }) => type === "ack")
  expect(acks.length).toBeGreaterThanOrEqual(100)
  expect(acks.length).toBeLessThanOrEqual(101 + ((Date.now() - since) / 1_000) * 20)
})

test("a burst of 100 publishes is fine", async () => {
  const { token } = await newPerson()
  const client = await connect({ token })
  await client.join("1", `room:${newId()}`)
  for (let n = 1; n <= 100; n++) client.send({ type: "publish", id: "1", event: "message", data: n, ref: `${n}` })
  await client.next({ type: "ack", ref: "100" })
  expect(client.messages.filter(({ type }) => type === "problem")).toEqual([])
})

test("who is closed for what it sends disturbs nobody else", async () => {
  const calm = await connect()
  const title = newId()
  await calm.query("1", "films", { title })
  const wild = await connect()
  wild.send("{")
  await wild.closed
  calm.send("ping")
  await calm.next({ type: "pong" })
  expect(calm.closing).toBeUndefined()
})
