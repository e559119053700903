/** What breaks under sockets heals, and the others never notice. */

import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import { afterEach, expect, test, vi } from "vitest"
import { wait } from "../../src/core/wait.ts"
import { eventually } from "../eventually.ts"
import { createReplicas } from "../fixture/replicas.ts"
import { agrees, changesOf } from "./agreement.ts"
import type { Client, Message } from "./client.ts"
import { openHub as open } from "./faulty-hub.ts"
import { create, fed, newPerson, update } from "./people.ts"
import { namespace as TOPIC } from "./topic-scenario.ts"

type Hub = Awaited<ReturnType<typeof open>>
const hubs: Hub[] = []
let errors: { mockRestore(): void } | undefined

async function openHub(): Promise<Hub> {
  errors = vi.spyOn(console, "error").mockImplementation(() => {})
  const hub = await open()
  hubs.push(hub)
  return hub
}

afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.close()))
  errors?.mockRestore()
})

test("a record that can't be shown ends the queries that show it, and no others", async () => {
  const genre = newId()
  const hub = await openHub()
  const [whole, narrow] = [await hub.connect(), await hub.connect()]
  const { id } = await create("films", { title: "a", genre })
  await whole.query("1", "films", { genre })
  await narrow.query("1", "films", { genre, fields: "id,title" })
  await env.DB.prepare("UPDATE films SET title = 'b', released_at = 9e15 WHERE id = ?").bind(id).run()
  await fed()
  expect(await narrow.next({ type: "change" })).toMatchObject({ record: { id, title: "b" } })
  expect(await whole.next({ id: "1", type: "problem" })).toMatchObject({ problem: { code: "internal" } })
  await update("films", id, { title: "c", releasedAt: null })
  expect(await narrow.next({ type: "change" })).toMatchObject({ record: { id, title: "c" } })
  expect(changesOf(whole)).toEqual([])
  expect(await whole.query("1", "films", { genre })).toMatchObject({ type: "snapshot" })
})

const away = () => {
  throw new Error("D1_ERROR: D1 DB is overloaded. Too many requests queued.")
}

/** Takes the log away up to the newest change, and what the hub was told last back: what it has missed can't be got. */
async function loseTheThread(hub: Hub): Promise<void> {
  await fed()
  await env.DB.prepare("DELETE FROM _changes WHERE seq < (SELECT max(seq) FROM _changes)").run()
  await hub.evict()
  await hub.rows("UPDATE topics SET cursor = 0 WHERE name = 'table:films'")
}

/** The members of a channel, as somebody sees them who comes now. */
async function membersOf(room: string): Promise<string[]> {
  const hub = await openHub()
  const { members } = await (await hub.connect()).join("1", room)
  return members.map(({ id }: Message) => id)
}

const watch = async (client: Client, genre: string) => {
  client.picture("1")
  await client.query("1", "films", { genre })
}

test("a fresh snapshot is tried for until the database answers", async () => {
  const genre = newId()
  const hub = await openHub()
  const client = await hub.connect()
  await watch(client, genre)
  await create("films", { title: "a", genre })
  await client.next({ type: "change" })
  await create("films", { title: "of others" })
  await loseTheThread(hub)
  hub.surroundings.asked = (sql) => (sql.includes("films") ? away() : undefined)
  await create("films", { title: "b", genre })
  await fed()
  await wait(500)
  await create("films", { title: "c", genre })
  await fed()
  await eventually(async () => expect(await hub.rows("SELECT epoch FROM subscriptions")).toEqual([{ epoch: "" }]))
  hub.surroundings.asked = () => {}
  await agrees(client, "1", `/v1/films?genre=${genre}`)
  await create("films", { title: "d", genre })
  await agrees(client, "1", `/v1/films?genre=${genre}`)
})

test("a hole that can't be filled because the database is away is filled when it is back, each change once", async () => {
  const genre = newId()
  const hub = await openHub()
  const client = await hub.connect()
  await watch(client, genre)
  await create("films", { title: "0", genre })
  await client.next({ type: "change" })
  hub.surroundings.asked = away
  let isMissed = false
  hub.surroundings.pushed = () => {
    if (isMissed) return
    isMissed = true
    throw new Error("the hub is away")
  }
  for (const title of ["1", "2", "3"]) await create("films", { title, genre })
  await fed()
  await wait(300)
  expect(changesOf(client)).toHaveLength(1)
  hub.surroundings.asked = () => {}
  await agrees(client, "1", `/v1/films?genre=${genre}`)
  expect(changesOf(client).map(({ record }) => record.title)).toEqual(["0", "1", "2", "3"])
})

test("a query that goes through relations is run again when the database is back, and told once", async () => {
  const hub = await openHub()
  const client = await hub.connect()
  const { id: filmId } = await create("films", { title: "film" })
  client.picture("1")
  await client.query("1", "reviews", { filmId, expand: "film" })
  hub.surroundings.asked = away
  for (const body of ["1", "2", "3"]) await create("reviews", { filmId, body })
  await fed()
  await wait(600)
  hub.surroundings.asked = () => {}
  await agrees(client, "1", `/v1/reviews?filmId=${filmId}&expand=film`)
  expect(changesOf(client)).toHaveLength(3)
})

test("one socket that has joined under two ids stays a member until it has left both", async () => {
  const room = `room:${newId()}`
  const hub = await openHub()
  const { id, token } = await newPerson()
  const client = await hub.connect(token)
  await client.join("1", room, { presence: 1 })
  await client.join("2", room, { presence: 1 })
  client.send({ type: "leave", id: "2" })
  await wait(200)
  expect(await membersOf(room)).toEqual([id])
  client.send({ type: "leave", id: "1" })
  await eventually(async () => expect(await membersOf(room)).toEqual([]))
})

test("a topic that can't be told of a departure is told later, also by the hub that comes after", async () => {
  const room = `room:${newId()}`
  const hub = await openHub()
  const clients = [await hub.connect(), await hub.connect()]
  for (const client of clients) await client.join("1", room, { presence: 1 })
  // a hub where nobody listens any more is told nothing, and loses its members at the next push
  const watcher = await hub.connect()
  await watcher.join("1", room)
  hub.surroundings.called = (_, method) => {
    if (method === "present") throw new Error("the topic is away")
  }
  clients[0]!.send({ type: "leave", id: "1" })
  await clients[1]!.close()
  await wait(200)
  expect(await membersOf(room)).toHaveLength(2)
  await hub.crash()
  hub.surroundings.called = () => {}
  await hub.connect()
  await eventually(async () => {
    expect(await membersOf(room)).toEqual([])
    expect(await hub.rows("SELECT * FROM departures")).toEqual([])
  })
})

test("who is gone before its join is answered is no member", async () => {
  const room = `room:${newId()}`
  const hub = await openHub()
  const client = await hub.connect()
  hub.surroundings.called = async (_, method) => {
    if (method === "join") await wait(400)
  }
  client.send({ type: "join", id: "1", channel: room, presence: 1 })
  await wait(100)
  await client.close()
  await wait(800)
  await eventually(async () => {
    expect(await membersOf(room)).toEqual([])
    expect(await hub.rows("SELECT * FROM subscriptions")).toEqual([])
  })
})

test("a query that waits for another subscription's end doesn't outlive its socket", async () => {
  const [room, genre] = [`room:${newId()}`, newId()]
  const hub = await openHub()
  const client = await hub.connect()
  await client.join("1", room, { presence: 1 })
  hub.surroundings.called = async (_, method) => {
    if (method === "present") await wait(400)
  }
  client.send({ type: "query", id: "1", collection: "films", query: { genre } })
  await wait(100)
  await client.close()
  await wait(800)
  await eventually(async () => expect(await hub.rows("SELECT * FROM subscriptions")).toEqual([]))
})

test("a topic that throws is a problem for the frame that needed it, and the next one goes well", async () => {
  const room = `room:${newId()}`
  const hub = await openHub()
  const { token } = await newPerson()
  const client = await hub.connect(token)
  let isAway = true
  hub.surroundings.called = () => {
    if (isAway) throw new Error("the topic is away")
  }
  const genre = newId()
  expect(await client.join("1", room)).toMatchObject({ type: "problem", problem: { code: "overloaded" } })
  expect(await client.query("2", "films", { genre })).toMatchObject({
    type: "problem",
    problem: { code: "overloaded" },
  })
  isAway = false
  expect(await client.join("1", room)).toMatchObject({ type: "snapshot" })
  expect(await client.query("2", "films", { genre })).toMatchObject({ type: "snapshot" })
  isAway = true
  client.send({ type: "publish", id: "1", event: "message", data: 1, ref: "a" })
  expect(await client.next({ ref: "a" })).toMatchObject({ type: "problem", problem: { code: "overloaded" } })
  isAway = false
  client.send({ type: "publish", id: "1", event: "message", data: 2, ref: "b" })
  expect(await client.next({ ref: "b" })).toMatchObject({ type: "ack" })
  expect((await client.quiet()).map(({ data }) => data)).toEqual([2])
})

test("channels and queries that nobody listens to any more leave nothing behind", async () => {
  const hub = await openHub()
  const client = await hub.connect()
  for (let n = 0; n < 5; n++) {
    await client.join("1", `room:${newId()}`, { presence: n })
    await client.query("2", "reviews", { filmId: newId(), expand: "film" })
  }
  await hub.evict("close")
  await hub.connect()
  await eventually(async () => expect(await hub.rows("SELECT * FROM departures")).toEqual([]))
  expect(await hub.rows("SELECT query FROM results")).toEqual([])
  expect(await hub.rows("SELECT * FROM subscriptions")).toEqual([])
  // the one that it was in last may go with its next push
  expect((await hub.rows("SELECT * FROM topics WHERE name LIKE 'channel:%'")).length).toBeLessThan(2)
})

test("a replica that lags behind what a topic has forgotten is passed over", async () => {
  const genre = newId()
  const { d1 } = await createReplicas(env.DB, env.REPLICA)
  const hub = await openHub()
  hub.surroundings.d1 = d1
  const client = await hub.connect()
  // the first tells hubs of other tests, which have ended; of the second nobody is told
  for (const title of ["0", "1", "2"]) {
    await create("films", { title, genre })
    await fed()
  }
  await runInDurableObject(TOPIC.getByName("table:films"), (_, state) => state.abort("a crash")).catch(() => {})
  await watch(client, genre)
  await create("films", { title: "3", genre })
  await agrees(client, "1", `/v1/films?genre=${genre}`)
})
