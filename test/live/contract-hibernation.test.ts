/** Objects that leave memory between two steps, and sockets that sleep, lose nothing. */

import { abortAllDurableObjects } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import type { TopicObject } from "../../src/live/topic-object.ts"
import { eventually } from "../eventually.ts"
import { agrees, changesOf, comeBack } from "./agreement.ts"
import { type Client, connect } from "./client.ts"
import { call, create, evict, fed, newPerson, remove, tokenOf, update } from "./people.ts"

async function watchFilms(genre: string, token?: string): Promise<Client> {
  const client = await connect(token === undefined ? {} : { token })
  client.picture("1")
  await client.query("1", "films", { genre })
  return client
}

test.each(["HUB", "TOPIC", "FEED"] as const)(
  "%s out of memory before each write: each change comes once, in order",
  async (kind) => {
    const genre = newId()
    const client = await watchFilms(genre)
    for (let n = 0; n < 10; n++) {
      await evict(kind)
      await create("films", { title: `${n}`, genre })
    }
    await eventually(() => expect(changesOf(client)).toHaveLength(10))
    expect(changesOf(client).map(({ record }) => record.title)).toEqual("0123456789".split(""))
    expect(client.picture("1")).toMatchObject({ snapshots: 1, faults: [] })
  },
)

test("objects out of memory while changes are on their way", async () => {
  const genre = newId()
  const clients = [await watchFilms(genre), await watchFilms(genre)]
  const insert = env.DB.prepare("INSERT INTO films (id, created_at, updated_at, title, genre) VALUES (?, 0, 0, ?, ?)")
  for (let batch = 0; batch < 6; batch++) {
    await env.DB.batch(Array.from({ length: 40 }, (_, n) => insert.bind(newId(), `${batch * 40 + n}`, genre)))
    const feeding = fed()
    await evict((["HUB", "TOPIC"] as const)[batch % 2]!)
    await feeding.catch(() => {})
  }
  await fed()
  for (const client of clients) {
    await eventually(() => expect(changesOf(client)).toHaveLength(240))
    expect(changesOf(client).map(({ record }) => Number(record.title))).toEqual(
      Array.from({ length: 240 }, (_, n) => n),
    )
    expect(client.picture("1")).toMatchObject({ snapshots: 1, faults: [] })
  }
})

test("a topic that something else than a call by its name has woken still knows whose changes these are", async () => {
  const genre = newId()
  await watchFilms(genre)
  await abortAllDurableObjects()
  const topics = (env as unknown as { TOPIC: DurableObjectNamespace<TopicObject> }).TOPIC
  await topics.get(topics.idFromString(topics.idFromName("table:films").toString())).missed(0)
  const client = await watchFilms(genre)
  await create("films", { title: "Alien", genre })
  expect(await client.next({ type: "change" })).toMatchObject({ record: { title: "Alien" } })
})

test("a sleeping socket wakes as who it was, with its subscriptions, limits and end", async () => {
  const person = await newPerson({ seconds: 6 })
  const genre = newId()
  const client = await watchFilms(genre, person.token)
  await client.query("2", "drafts", { text: genre })
  await evict("HUB")
  await create("drafts", { ownerId: person.id, text: genre })
  expect(await client.next({ id: "2", type: "change" })).toMatchObject({ record: { ownerId: person.id } })
  await evict("HUB")
  client.send({ type: "leave", id: "1" }, { type: "query", id: "3", collection: "drafts", query: { text: genre } })
  expect((await client.next({ id: "3" })).data).toHaveLength(1)
  await evict("HUB")
  await create("films", { title: "after leaving", genre })
  await fed()
  expect(changesOf(client, "1")).toEqual([])
  await evict("HUB")
  expect((await client.closed).code).toBe(4401)
})

test("a token is renewed on a socket that sleeps", async () => {
  const person = await newPerson({ seconds: 3 })
  const client = await connect({ token: person.token })
  await evict("HUB")
  await client.authenticate(await tokenOf(person, { seconds: 300 }))
  await evict("HUB")
  await client.quiet(4_000)
  expect(client.closing).toBeUndefined()
})

test("a session that ends reaches a socket that sleeps", async () => {
  const person = await newPerson()
  const client = await connect({ token: person.token })
  await evict("HUB")
  await evict("TOPIC")
  expect((await call("DELETE", `/v1/auth/sessions/${person.session}`, person.token)).status).toBe(204)
  expect((await client.closed).code).toBe(4401)
})

test("ping wakes nobody and is answered", async () => {
  const client = await connect()
  await evict("HUB")
  client.send("ping")
  await client.next({ type: "pong" })
})

test("a hub that ends closes its sockets, and who comes back has missed nothing", async () => {
  const genre = newId()
  const client = await watchFilms(genre)
  const picture = client.picture("1")
  const kept = await create("films", { title: "a", genre })
  await client.next({ type: "change" })
  await evict("HUB", "close")
  await client.closed
  await update("films", kept.id, { title: "b" })
  const gone = await create("films", { title: "c", genre })
  await remove("films", gone.id)
  await fed()
  const again = await comeBack({ picture, collection: "films", query: { genre } })
  await agrees(again, "1", `/v1/films?genre=${genre}`)
  expect(changesOf(again).map(({ op }) => op)).toEqual(["modified", "added", "removed"])
  expect(picture.snapshots).toBe(1)
})
