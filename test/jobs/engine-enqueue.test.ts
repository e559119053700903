import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import * as z from "zod"
import { job } from "../../src/index.ts"
import { createWorkScenario, forgetJobs } from "./engine-scenario.ts"

beforeEach(() => forgetJobs(env.DB))

const YEAR_MS = 365 * 24 * 3_600_000

test("who enqueues an equal job is told of the one that stands for it, until that has ended", async () => {
  const ran: number[] = []
  const scenario = createWorkScenario({ unique: ({ n }) => `even:${n % 2 === 0}`, run: ({ n }) => ran.push(n) })
  const first = await scenario.enqueue(2)
  expect(await scenario.enqueue(4)).toBe(first)
  expect(await scenario.enqueue(1)).not.toBe(first)
  expect(await scenario.enqueue(5, { unique: "of its own" })).not.toBe(first)
  await scenario.settled()
  expect(ran.toSorted()).toEqual([1, 2, 5])
  expect(await scenario.enqueue(4)).not.toBe(first)
})

test("of fifty equal jobs that are enqueued at once, one is stored", async () => {
  const scenario = createWorkScenario({ unique: () => "the one", run: () => {} })
  const ids = await Promise.all(Array.from({ length: 50 }, (_, n) => scenario.enqueue(n)))
  expect(new Set(ids).size).toBe(1)
  expect(await scenario.jobs("work")).toHaveLength(1)
})

test.each([
  ["a delay of a second", { delay: 1_000 }, 1_000],
  ["a delay of a year", { delay: YEAR_MS }, YEAR_MS],
])("%s is waited for: the clock is asked for that time, and nothing runs before", async (_, options, ms) => {
  const scenario = createWorkScenario({ run: () => scenario.now() })
  const due = scenario.now() + ms
  const id = await scenario.enqueue(1, options)
  await scenario.settled()
  expect(scenario.work.alarms).toContain(due)
  scenario.advance(ms / 2)
  await scenario.run()
  expect(await scenario.job(id)).toMatchObject({ state: "queued", run_at: due, attempts: 0 })
  scenario.advance(ms / 2)
  await scenario.run()
  expect(await scenario.job(id)).toMatchObject({ state: "succeeded", result: due })
})

test("runAt is a time; one that has passed means now", async () => {
  const scenario = createWorkScenario({ run: () => {} })
  const later = await scenario.enqueue(1, { runAt: scenario.now() + YEAR_MS })
  const past = await scenario.enqueue(2, { runAt: scenario.now() - YEAR_MS })
  await scenario.settled()
  expect((await scenario.job(past)).state).toBe("succeeded")
  expect((await scenario.job(later)).state).toBe("queued")
})

test("a delay that is no time, or beyond all time, is the developer's mistake and stores nothing", async () => {
  const scenario = createWorkScenario({ run: () => {} })
  await expect(scenario.enqueue(1, { delay: 1e300 })).rejects.toThrow("internal")
  expect(JSON.stringify(scenario.logged)).toContain("job work: runAt or delay is no time")
  expect(await scenario.jobs("work")).toEqual([])
})

test("an input that JSON would change is refused when it is enqueued, not when it runs", async () => {
  const { check } = job("dated", { input: z.object({ at: z.date() }), run: () => {} })
  expect(() => check({ at: new Date(0) })).toThrow("job dated: the input's at: ")
})

test("a queue that can't be reached fails no request and loses no job: the clock finds it", async () => {
  const scenario = createWorkScenario({ run: () => "found" })
  const { queue } = scenario.work.background.dispatch
  const { sendBatch } = queue
  queue.sendBatch = async () => {
    throw new Error("Network connection lost")
  }
  const id = await scenario.enqueue(1)
  await scenario.settled()
  expect((await scenario.job(id)).state).toBe("queued")
  queue.sendBatch = sendBatch
  scenario.advance(30_000)
  await scenario.run()
  expect(await scenario.job(id)).toMatchObject({ state: "succeeded", result: "found" })
})

test("a clock that lags behind the one that enqueued keeps no job waiting", async () => {
  const scenario = createWorkScenario({ run: () => {} })
  const id = await scenario.enqueue(1)
  scenario.advance(-3_600_000)
  await scenario.settled()
  expect((await scenario.job(id)).state).toBe("succeeded")
})

test("jobs of one batch leave in one call of the queue, and the clock is asked once", async () => {
  const after = job("after", { input: z.object({}), run: () => {} })
  const scenario = createWorkScenario(
    { run: (_, ctx) => ctx.atomic(Array.from({ length: 20 }, () => ctx.enqueue(after, {}))) },
    [after],
  )
  const { queue } = scenario.work.background.dispatch
  const { sendBatch } = queue
  const sizes: number[] = []
  queue.sendBatch = (messages) => {
    sizes.push(messages.length)
    return sendBatch(messages)
  }
  await scenario.enqueue(1)
  await scenario.settled()
  expect(sizes).toEqual([1, 20])
  expect(scenario.work.alarms).toEqual([scenario.now() + 30_000])
  expect((await scenario.jobs("after")).map(({ state }) => state)).toEqual(Array(20).fill("succeeded"))
})

test("with young jobs about the clock looks again as soon as a lost message needs it", async () => {
  const scenario = createWorkScenario({ run: () => {} })
  await scenario.enqueue(1)
  await scenario.settled()
  expect(await scenario.work.tick()).toBe(scenario.now() + 30_000)
  scenario.advance(120_000)
  expect(await scenario.work.tick()).toBe(scenario.now() + 600_000)
})
