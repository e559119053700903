/** The platform's own queue and the clock's own object, under the Worker of the shop. */

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { CLOCK_NAME } from "../../src/jobs/clock.ts"
import { newId } from "../../src/tables.ts"
import { eventually } from "../eventually.ts"
import { forgetJobs } from "./engine-scenario.ts"

beforeEach(async () => {
  vi.spyOn(console, "log").mockImplementation(() => {})
  vi.spyOn(console, "error").mockImplementation(() => {})
  await forgetJobs(env.DB)
})
afterEach(() => vi.restoreAllMocks())

const NAME = "feed:reactions"

/** A job of the engine that does nothing: a change that nobody reacts to, handed to its sink again. */
async function insert(count: number, runAt = Date.now()): Promise<string[]> {
  const ids = Array.from({ length: count }, () => newId())
  const input = JSON.stringify({
    seq: 1,
    table: "nothing",
    recordId: "x",
    op: "insert",
    before: null,
    after: { id: "x" },
    at: 0,
  })
  await env.DB.prepare(
    `INSERT INTO _jobs (id, name, state, input, max_attempts, run_at, due_at, created_at)
SELECT value, ?2, 'queued', ?3, 3, ?4, ?4, ?4 FROM json_each(?1)`,
  )
    .bind(JSON.stringify(ids), NAME, input, runAt)
    .run()
  return ids
}

async function ended(state: string, count: number): Promise<void> {
  await eventually(async () => {
    const { results } = await env.DB.prepare("SELECT state, count(*) AS n FROM _jobs GROUP BY state").all()
    expect(results).toEqual([{ state, n: count }])
  })
}

const clock = () =>
  env.CLOCK.getByName(CLOCK_NAME) as unknown as DurableObjectStub & { wakeBy(at: number): Promise<number> }

test("jobs that the queue brings run, however often their messages come", async () => {
  const ids = await insert(120)
  for (let start = 0; start < ids.length; start += 40) {
    const batch = ids.slice(start, start + 40).flatMap((id) => [{ body: { id } }, { body: { id } }])
    await env.JOBS.sendBatch(batch)
  }
  await ended("succeeded", 120)
  expect(await env.DB.prepare("SELECT max(attempts) AS n FROM _jobs").first("n")).toBe(1)
})

test("a message of another shape becomes a dead letter", async () => {
  await env.JOBS.send({ hello: "world" } as never)
  await ended("dead", 1)
  expect(await env.DB.prepare("SELECT name, input FROM _jobs").first()).toEqual({
    name: "message",
    input: '{"hello":"world"}',
  })
})

test("jobs whose messages were lost are found by the clock at its alarm", async () => {
  await insert(3, Date.now() - 60_000)
  await clock().wakeBy(Date.now() + 3_600_000)
  await runDurableObjectAlarm(clock())
  await ended("succeeded", 3)
})

test("the clock wakes by itself for what it is asked for, and keeps an alarm afterwards", async () => {
  await insert(1, Date.now() + 300)
  await clock().wakeBy(Date.now() + 300)
  await ended("succeeded", 1)
  await eventually(async () => {
    const alarm = await runInDurableObject(clock(), (_, state) => state.storage.getAlarm())
    expect(alarm).toBeGreaterThan(Date.now())
  })
})

test("who asks the clock for a later time than it wakes at anyway is told so, and moves nothing", async () => {
  const soon = Date.now() + 60_000
  await runInDurableObject(clock(), (_, state) => state.storage.setAlarm(soon))
  expect(await clock().wakeBy(soon + 1)).toBe(soon)
  expect(await clock().wakeBy(soon - 1_000)).toBe(soon - 1_000)
  expect(await runInDurableObject(clock(), (_, state) => state.storage.getAlarm())).toBe(soon - 1_000)
})

test("the first request of a Worker wakes the clock", async () => {
  await insert(1, Date.now() - 60_000)
  await runInDurableObject(clock(), (_, state) => state.storage.deleteAlarm())
  const worker = (await import("../../src/worker.ts")).createWorker((await import("../../app/backend.ts")).backend)
  const waited: Promise<unknown>[] = []
  const execution = { waitUntil: (work: Promise<unknown>) => waited.push(work), passThroughOnException() {}, props: {} }
  await worker.fetch!(new Request("http://x/health") as never, env as never, execution as never)
  await Promise.all(waited)
  await ended("succeeded", 1)
})
