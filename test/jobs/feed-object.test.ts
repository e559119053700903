/** The feed as the Durable Object of the Worker: what it keeps, when it is woken, what it costs. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { lowStock } from "../../app/jobs.ts"
import { FEED_NAME, type FeedObject } from "../../src/changes/feed-object.ts"
import { newId } from "../../src/tables.ts"
import { eventually } from "../eventually.ts"

const feed = (env as unknown as { FEED: DurableObjectNamespace<FeedObject> }).FEED.getByName(FEED_NAME)
const film = newId()

beforeAll(async () => {
  await env.DB.prepare(
    "INSERT INTO films (id, created_at, updated_at, title, price_cents, stock) VALUES (?, 0, 0, 'Alien', 1, 100)",
  )
    .bind(film)
    .run()
})

/** A change that the shop reacts to. */
async function sell(): Promise<void> {
  await env.DB.prepare("UPDATE films SET stock = stock - 1 WHERE id = ?").bind(film).run()
}

/** Changes that the reactions of the shop have got, by their number. */
async function reactedTo(): Promise<number[]> {
  const query = "SELECT input ->> 'seq' AS seq FROM _jobs WHERE name = ? ORDER BY position"
  const { results } = await env.DB.prepare(query).bind(lowStock.job.name).all<{ seq: number }>()
  return results.map(({ seq }) => seq)
}

async function alarm(): Promise<number | null> {
  return runInDurableObject(feed, (_, { storage }) => storage.getAlarm())
}

test("a wake is answered at once, and every change reaches its reactions", async () => {
  await sell()
  await sell()
  await feed.wake()
  await eventually(async () => expect(await reactedTo()).toHaveLength(2))
})

test("it goes on where it was after an eviction, and asks for no alarm", async () => {
  await feed.drained()
  const before = await feed.status()
  await evictDurableObject(feed)
  expect(await feed.status()).toEqual(before)
  await sell()
  await feed.drained()
  expect(await reactedTo()).toHaveLength(3)
  expect(await alarm()).toBeNull()
})

test("it makes no job twice, though it has forgotten everything", async () => {
  await feed.drained()
  const before = await reactedTo()
  await runInDurableObject(feed, (_, { storage }) => storage.deleteAll())
  await evictDurableObject(feed)
  expect((await feed.status()).every(({ seq }) => seq === 0)).toBe(true)
  await sell()
  await feed.drained()
  expect(await reactedTo()).toEqual([...before, before.at(-1)! + 1])
})

test("after a failure an alarm is set that survives an eviction, and none when all is well again", async () => {
  await feed.drained()
  const before = await reactedTo()
  await env.DB.prepare(
    "CREATE TRIGGER poison BEFORE INSERT ON _jobs BEGIN SELECT RAISE(ABORT, 'no jobs today'); END",
  ).run()
  await sell()
  await feed.drained()
  await evictDurableObject(feed)
  const [reactions, ...others] = await feed.status()
  expect(reactions!.name).toBe("reactions")
  expect(reactions!.failures).toBeGreaterThan(0)
  expect(others).toMatchObject([{ failures: 0 }, { failures: 0 }, { failures: 0 }])
  // there is none while one is answered
  await eventually(async () => expect(await alarm()).toBeGreaterThan(Date.now() - 5_000))
  await env.DB.prepare("DROP TRIGGER poison").run()
  await runDurableObjectAlarm(feed)
  await eventually(async () => {
    expect(await reactedTo()).toHaveLength(before.length + 1)
    expect((await feed.status()).every(({ failures }) => failures === 0)).toBe(true)
    expect(await alarm()).toBeNull()
  })
})
