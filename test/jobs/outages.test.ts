/** What the queue, the feed and the sweep fail at holds up nobody else. */

import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { consume } from "../../src/jobs/consumer.ts"
import { openTick } from "../../src/worker/background.ts"
import { createWorkScenario, forgetJobs } from "./engine-scenario.ts"

beforeEach(() => forgetJobs(env.DB))

const never = () => new Promise<never>(() => {})

test("how jobs ended is written, though the queue hangs that is to be told of the next", async () => {
  const scenario = createWorkScenario({
    concurrency: 2,
    run: ({ n }) => (n === 2 ? new Promise((resolve) => setTimeout(resolve, 20)) : n),
  })
  for (const n of [1, 2, 3]) await scenario.enqueue(n)
  await Promise.resolve()
  const { system, messages } = scenario.work
  await consume(messages.splice(0), { ...system, queue: { sendBatch: never } }, () => {})
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(await scenario.states()).toEqual({ succeeded: 2, queued: 1 })
})

test("the clock ticks, though the feed hangs", async () => {
  const scenario = createWorkScenario({ run: ({ n }) => n })
  const { background } = scenario.work
  const tick = openTick({ ...background, feed: { ...background.feed, wake: never, prune: never } })
  expect(await tick()).toBeGreaterThan(scenario.now())
})

test("the clock keeps its times, and old changes go, though a sweep fails", async () => {
  const scenario = createWorkScenario({ run: ({ n }) => n })
  await scenario.enqueue(1, { delay: 5_000 })
  const { background } = scenario.work
  let isPruned = false
  const prune = async () => {
    isPruned = true
  }
  await env.DB.exec("CREATE TRIGGER broken BEFORE DELETE ON _received BEGIN SELECT raise(ABORT, 'no'); END")
  await env.DB.exec("INSERT INTO _received (path, message_id, at) VALUES ('/x', 'old', 0)")
  try {
    expect(await openTick({ ...background, feed: { ...background.feed, prune } })()).toBe(scenario.now() + 5_000)
    expect(isPruned).toBe(true)
  } finally {
    await env.DB.exec("DROP TRIGGER broken; DELETE FROM _received")
  }
})
