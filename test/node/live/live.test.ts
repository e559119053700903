/** The shop's live side, from the bundle that a deploy uploads, with clients in other processes. */

import { request } from "node:http"
import { setTimeout as wait } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import type { Message } from "../../live/client.ts"
import { sortById } from "../../live/picture.ts"
import { LiveProcess, stopClients } from "./processes.ts"
import { type Shop, startShop } from "./shop.ts"

const SITE = "http://localhost:29999"
/** A member is gone so soon after its process was killed. */
const GONE_WITHIN_MS = 30_000
/** Of a socket that nobody reads, in `src/live/connection.ts`: so long, and so much. */
const UNREAD_MS = 15_000
const UNREAD_BYTES = 8 * 1024 * 1024
const LONGEST_REVIEW = 5_000
/** Of one socket. */
const MOST_SUBSCRIPTIONS = 100
const SOCKETS_OF_A_HUB = 1_000

let shop: Shop

beforeAll(async () => {
  shop = await startShop(SITE)
})

afterEach(stopClients)

afterAll(() => shop?.close())

test("two clients see what a third person writes about a film, in the same order", async () => {
  const film = await shop.film("Sunrise")
  const [one, other] = [follow(film), follow(film)]
  await Promise.all([one, other].map((client) => client.until(hasSnapshot)))
  const person = await shop.signIn()
  const { id } = await person.call("POST", "v1/reviews", { filmId: film, stars: 4, body: "Again!" })
  await person.call("PATCH", `v1/reviews/${id}`, { stars: 5 })
  await person.call("DELETE", `v1/reviews/${id}`)
  for (const client of [one, other]) {
    await client.until(() => client.picture("reviews").changes === 3)
    const [snapshot, ...changes] = client.messages("reviews")
    expect(snapshot).toMatchObject({ type: "snapshot", data: [] })
    expect(changes.map(({ op, recordId, record }) => [op, recordId, record?.stars])).toEqual([
      ["added", id, 4],
      ["modified", id, 5],
      ["removed", id, undefined],
    ])
  }
  expect(one.messages("reviews").map(({ seq }) => seq)).toEqual(other.messages("reviews").map(({ seq }) => seq))
})

test("who was away for fifty changes has them in order, each once, though hub and topic were evicted", async () => {
  const film = await shop.film("Greed")
  const [stays, goes] = [follow(film), follow(film)]
  await Promise.all([stays, goes].map((client) => client.until(hasSnapshot)))
  const person = await shop.signIn()
  const { id } = await person.call("POST", "v1/reviews", { filmId: film, stars: 1, body: "0" })
  await goes.until(() => goes.picture("reviews").changes === 1)
  goes.order({ order: "away" })
  await goes.until(() => goes.closed.length === 1)
  for (let step = 1; step <= 50; step++) {
    await person.call("PATCH", `v1/reviews/${id}`, { body: String(step) })
    if (step === 15) await shop.evict("Hub", "hibernate")
    if (step === 30) await shop.evict("Topic", "hibernate")
  }
  await stays.until(() => stays.picture("reviews").changes === 51)
  await shop.evict("Hub", "close")
  goes.order({ order: "back" })
  const bodies = Array.from({ length: 51 }, (_, step) => String(step))
  for (const client of [goes, stays]) {
    await client.until(() => client.picture("reviews").changes === 51)
    expect(client.messages("reviews", isChange).map(({ record }) => record.body)).toEqual(bodies)
    expect(client.picture("reviews")).toMatchObject({ faults: [], snapshots: 1 })
  }
  await stays.until(() => stays.told.at(-1)!.connection === 2)
  await person.call("PATCH", `v1/reviews/${id}`, { stars: 2 })
  const { data } = await person.call("GET", `v1/reviews?filmId=${film}`)
  for (const client of [goes, stays]) {
    await client.until(() => client.picture("reviews").changes === 52)
    expect(client.picture("reviews").sorted()).toEqual(sortById(data))
  }
})

test("the stock of a film goes down before everybody's eyes while people buy it", async () => {
  const film = await shop.film("Nosferatu", 5)
  const client = open([{ type: "query", id: "film", collection: "films", query: { id: film, fields: "id,stock" } }])
  await client.until((told) => told.picture("film").snapshots === 1)
  const people = await Promise.all([1, 2, 3].map(() => shop.signIn()))
  await Promise.all(
    people.map(async (person) => {
      await person.call("POST", "v1/cart", { filmId: film, quantity: 1 })
      await person.call("POST", "v1/checkout", {})
    }),
  )
  await client.until((told) => told.picture("film").changes === 3)
  expect(client.messages("film", isChange).map(({ record }) => record)).toEqual([
    { id: film, stock: 4 },
    { id: film, stock: 3 },
    { id: film, stock: 2 },
  ])
})

test("a watch party's people see each other; one whose process is killed is gone within 30 seconds", async () => {
  const [ada, bob] = await Promise.all([shop.signIn(), shop.signIn()])
  const join = (name: string) => [{ type: "join", id: "room", channel: "room:42", presence: { name } }]
  const [hers, his] = [open(join("Ada"), ada.token), open(join("Bob"), bob.token)]
  await Promise.all([hers, his].map((client) => client.until((told) => membersOf(told).length === 2)))
  expect(membersOf(hers)).toEqual([ada.id, bob.id].sort())
  hers.send({ type: "publish", id: "room", event: "message", data: { text: "It begins" }, ref: "1" })
  for (const client of [hers, his]) {
    await client.until((told) => told.messages("room", ({ type }) => type === "message").length === 1)
    const [message] = client.messages("room", ({ type }) => type === "message")
    expect(message).toMatchObject({ event: "message", data: { text: "It begins" }, from: { id: ada.id } })
  }
  await his.kill()
  const killed = Date.now()
  await hers.until((told) => membersOf(told).length === 1, GONE_WITHIN_MS)
  expect(Date.now() - killed).toBeLessThan(GONE_WITHIN_MS)
  expect(membersOf(hers)).toEqual([ada.id])
})

test.runIf(process.env.SELVEDGE_LONG)("whose connection says nothing any more is gone from the room too", async () => {
  const [ada, bob] = await Promise.all([shop.signIn(), shop.signIn()])
  const join = [{ type: "join", id: "room", channel: "room:43", presence: {} }]
  const [hers, his] = [open(join, ada.token), open(join, bob.token)]
  await hers.until((told) => membersOf(told).length === 2)
  his.stop()
  await hers.until((told) => membersOf(told).length === 1, GONE_WITHIN_MS)
  expect(membersOf(hers)).toEqual([ada.id])
})

test("server-sent events come piece by piece, and go on after the last one", async () => {
  const film = await shop.film("Safety Last!")
  const person = await shop.signIn()
  const first = await openStream(film)
  await until(() => first.text().includes("event: snapshot"))
  const { id } = await person.call("POST", "v1/reviews", { filmId: film, stars: 3 })
  await until(() => first.events().length === 2)
  expect(first.status).toBe(200)
  expect(first.events().map(({ type, op }) => [type, op])).toEqual([
    ["snapshot", undefined],
    ["change", "added"],
  ])
  first.close()
  const lastId = first
    .text()
    .match(/^id: (.+)$/gm)!
    .at(-1)!
    .slice("id: ".length)
  for (const stars of [4, 5]) await person.call("PATCH", `v1/reviews/${id}`, { stars })
  const second = await openStream(film, { "Last-Event-ID": lastId })
  await until(() => second.events().length === 2)
  expect(second.events().map(({ op, record }) => [op, record.stars])).toEqual([
    ["modified", 4],
    ["modified", 5],
  ])
  second.close()
})

test("who never reads holds up nobody, and ends with 4408", async () => {
  const film = await shop.film("The Last Laugh")
  const person = await shop.signIn()
  const { id } = await person.call("POST", "v1/reviews", { filmId: film, stars: 3 })
  const query = { type: "query", collection: "reviews", query: { filmId: film } }
  const deaf = open(Array.from({ length: MOST_SUBSCRIPTIONS }, (_, at) => ({ ...query, id: String(at) })))
  const reader = follow(film)
  await Promise.all([
    reader.until(hasSnapshot),
    deaf.until((told) => told.picture(String(MOST_SUBSCRIPTIONS - 1)).snapshots === 1),
  ])
  deaf.stop()
  const latencies: number[] = []
  let version = 1
  const change = async () => {
    const began = Date.now()
    await person.call("PATCH", `v1/reviews/${id}`, { body: String(++version).padEnd(LONGEST_REVIEW, ".") })
    await reader.until((told) => told.picture("reviews").changes === version - 1)
    latencies.push(reader.told.at(-1)!.at - began)
  }
  // the bytes count from its last sign on, which lies within the first of them
  while (version * LONGEST_REVIEW * MOST_SUBSCRIPTIONS < 3 * UNREAD_BYTES) await change()
  await wait(UNREAD_MS)
  for (let more = 0; more < 3; more++) await change()
  deaf.goOn()
  await deaf.until(() => deaf.closed.length > 0)
  expect(deaf.closed[0]).toBe(4408)
  expect(latencies.sort((a, b) => a - b)[latencies.length >> 1]).toBeLessThan(1_000)
})

test("a socket opens from a listed site and without one, and from no other site", async () => {
  expect(await upgradeFrom({ Origin: SITE })).toBe(101)
  expect(await upgradeFrom({})).toBe(101)
  expect(await upgradeFrom({ Origin: "https://elsewhere.example" })).toBe(403)
  expect(await upgradeFrom({ Origin: "null" })).toBe(403)
})

test.runIf(process.env.SELVEDGE_LONG)("a full hub sends those who come to the next", async () => {
  const hubs = (await shop.worker.listDurableObjectIds("Hub")).length
  const sockets: WebSocket[] = []
  for (let count = 0; count <= SOCKETS_OF_A_HUB; count++) {
    const socket = new WebSocket(`${shop.url.replace("http", "ws")}v1/live`)
    const ready = new Promise((resolve, reject) => {
      socket.addEventListener("message", resolve, { once: true })
      socket.addEventListener("error", reject, { once: true })
    })
    await ready
    sockets.push(socket)
  }
  expect((await shop.worker.listDurableObjectIds("Hub")).length).toBe(hubs + 1)
  expect(sockets.every(({ readyState }) => readyState === WebSocket.OPEN)).toBe(true)
  for (const socket of sockets) socket.close()
})

function open(subscriptions: readonly Message[], token?: string): LiveProcess {
  return new LiveProcess({ url: shop.url, token, subscriptions })
}

function follow(film: string): LiveProcess {
  return open([{ type: "query", id: "reviews", collection: "reviews", query: { filmId: film } }])
}

const hasSnapshot = (client: LiveProcess) => client.picture("reviews").snapshots === 1
const isChange = ({ type }: Message) => type === "change"

/** Who is in the room, after all that was told. */
function membersOf(client: LiveProcess): string[] {
  const members = new Set<string>()
  for (const message of client.messages("room")) {
    for (const { id } of [...(message.members ?? []), ...(message.joined ?? [])]) members.add(id)
    for (const { id } of message.left ?? []) members.delete(id)
  }
  return [...members].sort()
}

interface Stream {
  readonly status: number
  text(): string
  events(): Message[]
  close(): void
}

async function openStream(film: string, more: Record<string, string> = {}): Promise<Stream> {
  const controller = new AbortController()
  const headers = { Accept: "text/event-stream", ...more }
  const response = await fetch(`${shop.url}v1/reviews?filmId=${film}`, { headers, signal: controller.signal })
  let text = ""
  const read = async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk
  }
  read().catch(() => {}) // it was closed
  return {
    status: response.status,
    text: () => text,
    events: () => [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data!) as Message),
    close: () => controller.abort(),
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  await expect.poll(isTrue, { timeout: 30_000, interval: 20 }).toBe(true)
}

/** @returns The status of the answer to an upgrade, as it stands on the wire. */
function upgradeFrom(more: Record<string, string>): Promise<number> {
  const headers = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...more,
  }
  return new Promise((resolve, reject) => {
    const asked = request(`${shop.url}v1/live`, { headers })
    asked.on("upgrade", ({ statusCode }, socket) => {
      socket.destroy()
      resolve(statusCode!)
    })
    asked.on("response", (response) => {
      response.resume()
      resolve(response.statusCode!)
    })
    asked.on("error", reject)
    asked.end()
  })
}
