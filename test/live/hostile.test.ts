/** What hostile clients try on `/v1/live`, and what they get. */

import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import { connect, type Message, upgrade } from "./client.ts"
import { create, evict, fed, newPerson, remove, update } from "./people.ts"

test("who is given more rights shares nothing of it with those who asked the same before", async () => {
  const name = newId()
  const { token } = await newPerson({ roles: ["staff"] })
  const query = (n: number) => ({ filter: { or: [{ name: `${name}${n}` }, { name }] }, expand: "tasks" })
  const promoted = await connect()
  for (let n = 0; n < 10; n++) await promoted.query(`${n}`, "projects", query(n))
  const watcher = await connect()
  for (let n = 0; n < 10; n++) await watcher.query(`${n}`, "projects", query(n))
  const open = await create("projects", { name, open: true })
  for (let n = 0; n < 10; n++) await watcher.next({ type: "change", id: `${n}`, recordId: open.id })
  promoted.send({ type: "auth", token })
  const closed = await create("projects", { name, open: false })
  await fed()
  for (let n = 0; n < 10; n++) await promoted.next((message) => message.id === `${n}` && holds(message, closed.id))
  await update("projects", open.id, { open: false })
  await watcher.next({ type: "change", op: "removed" })
  expect(watcher.messages.filter((message) => holds(message, closed.id))).toEqual([])
})

test("a place that was never given shows nothing of before", async () => {
  const genre = newId()
  const film = await create("films", { title: "a slip", genre })
  await update("films", film.id, { title: "mended" })
  const gone = await create("films", { title: "for a moment", genre })
  await remove("films", gone.id)
  await fed()
  const client = await connect()
  const { seq } = await client.query("1", "films", { genre })
  const [epoch, now, tag] = seq.split(".")
  for (const seal of [tag, `${tag.slice(0, 16)}0`, `${tag.slice(0, 16)}1`, "-".repeat(17)]) {
    const since = [epoch, `${Number(now) - 4}`.padStart(16, "0"), seal].join(".")
    expect(await client.query("1", "films", { genre }, since)).toMatchObject({
      type: "snapshot",
      data: [{ title: "mended" }],
    })
  }
  expect(JSON.stringify(client.messages)).not.toMatch(/a slip|for a moment/)
})

test("a query that is begun again and again, and a sign-in, are a problem in the end, and the socket closes with 4429", async () => {
  const { token } = await newPerson()
  const title = newId()
  const frames = [
    [{ type: "query", id: "1", collection: "films", query: { title } }, "snapshot", 250],
    [{ type: "join", id: "1", channel: `log:${title}` }, "snapshot", 250],
    [{ type: "auth", token }, "ready", 20],
  ] as const
  for (const [frame, answer, burst] of frames) {
    const client = await connect()
    const since = Date.now()
    for (let n = 0; n < 2 * burst; n++) client.send(frame)
    expect((await client.closed).code).toBe(4429)
    expect(client.messages.at(-1)).toMatchObject({ type: "problem", problem: { status: 429, code: "rate_limited" } })
    const answers = client.messages.filter(({ type }) => type === answer).length
    expect(answers).toBeGreaterThanOrEqual(burst)
    expect(answers).toBeLessThanOrEqual(burst + 2 + ((Date.now() - since) / 1_000) * 10)
  }
})

test("who asks for very much is sent away when a hub's memory is used up, and others are not", async () => {
  const many = Array.from({ length: 1_000 }, () => `${newId()}-${"x".repeat(22)}`)
  const big = await connect()
  const small = await connect()
  for (let n = 0; n < 99; n++)
    big.send({ type: "query", id: `${n}`, collection: "films", query: { title: { in: many }, limit: 1 } })
  const more = await connect()
  for (let n = 0; n < 99; n++)
    more.send({ type: "query", id: `${n}`, collection: "films", query: { title: { in: many }, limit: 1 } })
  expect(await more.next({ type: "problem" }, 20_000)).toMatchObject({ problem: { status: 503, code: "overloaded" } })
  expect(await small.query("1", "films", { title: newId() })).toMatchObject({ type: "snapshot" })
  await big.close()
  expect(await more.query("again", "films", { title: { in: many }, limit: 1 })).toMatchObject({ type: "snapshot" })
})

test("ids are told as they were sent, whatever they hold, and after the hub has slept as well", async () => {
  const ids = ['"', "\\", "\u2028", "\u0000", "\u001f", "}", "__proto__", "constructor", "'; --", "é😀"]
  const client = await connect()
  const title = newId()
  for (const id of ids) expect(await client.query(id, "films", { title })).toMatchObject({ type: "snapshot", id })
  await evict("HUB", "hibernate")
  await create("films", { title })
  await fed()
  for (const id of ids) expect(await client.next({ id })).toMatchObject({ type: "change", op: "added" })
})

test("an id that is half a character is malformed", async () => {
  const client = await connect()
  client.send({ type: "query", id: "\ud800", collection: "films" })
  expect(await client.next({ type: "problem" })).toMatchObject({ problem: { code: "validation_failed" } })
  expect((await client.closed).code).toBe(4400)
})

test.each<[string, object]>([
  ["a collection", { type: "query", id: "1", collection: "__proto__" }],
  ["a field", { type: "query", id: "1", collection: "films", query: { constructor: 1 } }],
  ["a field of a filter", { type: "query", id: "1", collection: "films", query: { filter: { toString: { eq: 1 } } } }],
  ["an operator", { type: "query", id: "1", collection: "films", query: { title: { constructor: 1 } } }],
  ["a relation", { type: "query", id: "1", collection: "films", query: { expand: "constructor" } }],
  ["a field to show", { type: "query", id: "1", collection: "films", query: { fields: ["constructor"] } }],
  ["an order", { type: "query", id: "1", collection: "films", query: { sort: "constructor" } }],
  ["a channel", { type: "join", id: "1", channel: "constructor" }],
  ["a parameter of a channel", { type: "join", id: "1", channel: "room:a\n" }],
])("what every object has is no name of %s", async (_, frame) => {
  const client = await connect()
  client.send(frame)
  const { problem } = await client.next({ type: "problem", id: "1" })
  expect([400, 404]).toContain(problem.status)
  expect(client.closing).toBeUndefined()
})

test("who may not join hears nothing, and may say and show nothing", async () => {
  const room = `staff:${newId()}`
  const staff = await connect({ token: (await newPerson({ roles: ["staff"] })).token })
  await staff.join("1", room)
  const { token } = await newPerson()
  const client = await connect({ token })
  expect(await client.join("1", room)).toMatchObject({ type: "problem", problem: { status: 403 } })
  client.send({ type: "publish", id: "1", event: "message", data: 1, ref: "a" }, { type: "presence", id: "1", data: 1 })
  expect(await client.next({ type: "problem", ref: "a" })).toMatchObject({ problem: { code: "not_found" } })
  expect(await client.next({ type: "problem" })).toMatchObject({ problem: { code: "not_found" } })
  staff.send({ type: "publish", id: "1", event: "message", data: "secret", ref: "a" })
  await staff.next({ type: "message" })
  expect(await client.quiet()).toEqual([])
  expect(staff.messages.filter(({ type }) => type === "message")).toHaveLength(1)
})

test("sites that only look like a listed one may open no socket", async () => {
  for (const origin of [
    "HTTPS://APP.EXAMPLE",
    "https://app.example.",
    "https://app.example:444",
    "https://app.example/",
  ])
    expect([origin, (await upgrade({ Origin: origin })).status]).toEqual([origin, 403])
})

function holds(message: Message, text: string): boolean {
  return JSON.stringify(message).includes(text)
}
