/** How changes come from the database to topics. */

import { env } from "cloudflare:workers"
import { afterEach, expect, test } from "vitest"
import type { LiveNamespace, PushOrder, TopicStub } from "../../src/live/objects.ts"
import { liveSink, liveTables } from "../../src/live/sink.ts"
import { eventually } from "../eventually.ts"
import { backend } from "./app/backend.ts"
import { create, fed, newPerson, remove } from "./people.ts"
import { change, namespace, openTopic } from "./topic-scenario.ts"

const topics: Awaited<ReturnType<typeof openTopic>>[] = []

afterEach(async () => {
  for (const topic of topics.splice(0)) await topic.close()
})

async function follow(name: string) {
  const topic = await openTopic(name)
  topics.push(topic)
  const hub = topic.hub("one")
  await topic.stub.enter("one")
  return hub
}

async function epoch(): Promise<string> {
  return (await env.DB.prepare("SELECT value FROM _meta WHERE key = 'epoch'").first<string>("value"))!
}

const film = () => create("films", { title: "Alien" })

test("a change of a live table goes to its topic, with the history and D1's bookmark", async () => {
  await fed()
  const [films, notices] = [await follow("table:films"), await follow("table:notices")]
  const { id } = await film()
  await create("notices", { text: "not live" })
  await fed()
  expect(films.pushes).toMatchObject([
    {
      topic: "table:films",
      epoch: await epoch(),
      bookmark: expect.stringMatching(/./),
      changes: [{ table: "films", recordId: id, op: "insert", after: { title: "Alien" } }],
    },
  ])
  expect(notices.pushes).toEqual([])
})

test("tables that only relations lead to are live as well, and all others silent", () => {
  const tables = liveTables(backend.collections)
  expect(["films", "members", "boards", "_users"].filter((table) => tables.has(table))).toEqual([
    "films",
    "members",
    "boards",
    "_users",
  ])
  expect(tables.has("notices")).toBe(false)
})

test("a session that ends, and a user with other roles, go to the topic of callers", async () => {
  const { id, session } = await newPerson()
  await fed()
  const callers = await follow("callers")
  await env.DB.prepare("UPDATE _users SET name = 'Ada' WHERE id = ?").bind(id).run()
  await env.DB.prepare("UPDATE _users SET roles = '[\"staff\"]' WHERE id = ?").bind(id).run()
  await env.DB.prepare("DELETE FROM _sessions WHERE id = ?").bind(session).run()
  await fed()
  expect(callers.pushes.flatMap((push) => push.callers ?? [])).toMatchObject([
    { kind: "user", id },
    { kind: "session", id: session },
  ])
})

test("after a restore the hubs of every table are told of another history, with the next change of any", async () => {
  await film()
  await fed()
  const [films, prices] = [await follow("table:films"), await follow("table:prices")]
  const before = await epoch()
  const { id } = await film()
  await create("prices", { name: "a ticket", cents: 1 })
  await fed()
  // as after a restore, the newest changes are gone and their numbers come again
  await env.DB.batch([
    env.DB.prepare("DELETE FROM _changes WHERE seq > (SELECT max(seq) - 2 FROM _changes)"),
    env.DB.prepare("UPDATE sqlite_sequence SET seq = (SELECT max(seq) FROM _changes) WHERE name = '_changes'"),
  ])
  await remove("films", id)
  await eventually(async () => {
    await fed()
    expect(films.pushes.at(-1)?.epoch).not.toBe(before)
  })
  const after = await epoch()
  expect(films.pushes.at(-1)).toMatchObject({ epoch: after, previous: 0, changes: [{ op: "delete", recordId: id }] })
  expect(prices.pushes.at(-1)).toMatchObject({ epoch: after, previous: 0, last: 0 })
})

/** Topics of which one can be broken. */
function breakable(kept = new Map<string, unknown>()) {
  const orders: [string, PushOrder][] = []
  const broken = new Set<string>()
  const topics: LiveNamespace<TopicStub> = {
    getByName: (name) => {
      const stub = namespace.getByName(name) as unknown as TopicStub
      const push = async (order: PushOrder) => {
        if (broken.has(name)) throw new Error("broken")
        await stub.push(order)
        orders.push([name, order]) // what is waited for has then been taken
      }
      return { push } as TopicStub
    },
  }
  const logged: unknown[] = []
  const sink = liveSink({
    topics,
    tables: new Set(["one", "other"]),
    epoch: async () => "e1",
    store: { get: <V>(key: string) => kept.get(key) as V | undefined, put: (key, value) => kept.set(key, value) },
    log: (line) => logged.push(line),
  })
  const take = (...changes: [number, string][]) =>
    sink.take(
      changes.map(([seq, table]) => ({ ...change(seq), table })),
      { epoch: "e1", isOther: false, bookmark: undefined },
    )
  return { sink, orders, broken, logged, take }
}

test("a topic that fails holds up the others for a few tries, and its hubs look then for what they have missed", async () => {
  const { orders, broken, logged, take } = breakable()
  broken.add("table:one")
  for (let tries = 0; tries < 5; tries++) await expect(take([1, "one"], [2, "other"])).rejects.toThrow("broken")
  await take([1, "one"], [2, "other"])
  expect(logged).toMatchObject([{ event: "topic_not_told", topic: "table:one" }])
  expect(orders.every(([name]) => name === "table:other")).toBe(true)
  broken.clear()
  await take([3, "one"])
  expect(orders.at(-1)).toMatchObject(["table:one", { mayMiss: true, changes: [{ seq: 3 }] }])
  await take([4, "one"])
  expect(orders.at(-1)![1].mayMiss).toBeUndefined()
})

test("a topic that was given up is told where the log stands, also by a feed that comes after and without other changes", async () => {
  const kept = new Map<string, unknown>()
  const before = breakable(kept)
  before.broken.add("table:one")
  for (let tries = 0; tries < 5; tries++) await expect(before.take([7, "one"])).rejects.toThrow("broken")
  await before.take([7, "one"], [8, "other"])
  const { orders, take } = breakable(structuredClone(kept))
  await eventually(() => expect(orders).toEqual([["table:one", { epoch: "e1", upTo: 8, mayMiss: true }]]))
  await take([9, "one"])
  expect(orders.at(-1)![1].mayMiss).toBeUndefined()
  before.broken.clear()
})

test("a change that comes out of its order asks for fresh snapshots", async () => {
  const { sink, orders } = breakable()
  await sink.retake({ ...change(1), table: "one" })
  await sink.retake({ ...change(1), table: "silent" })
  expect(orders).toEqual([["table:one", { epoch: "e1", isReset: true }]])
})
