import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { toMessage } from "../fixture/work.ts"
import { consumeInParallel } from "./engine-runs.ts"
import { createWorkScenario, forgetJobs } from "./engine-scenario.ts"

beforeEach(() => forgetJobs(env.DB))

const LEASE_MS = 15_000

test("exactly so many run at the same time as the limit allows, under fifty messages at once", async () => {
  let [running, most] = [0, 0]
  const scenario = createWorkScenario({
    concurrency: 3,
    run: async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
    },
  })
  await scenario.insert(50)
  const ids = (await scenario.jobs("work")).map(({ id }) => id)
  await consumeInParallel(
    scenario,
    ids.map((id) => [toMessage({ id })]),
  )
  await scenario.settled()
  expect(most).toBe(3)
  expect(await scenario.states()).toEqual({ succeeded: 50 })
})

test("a batch that names a job twice takes no room for it twice", async () => {
  const scenario = createWorkScenario({ concurrency: 2, run: () => {} })
  await scenario.insert(2)
  const [a, b] = (await scenario.jobs("work")).map(({ id }) => toMessage({ id }))
  scenario.work.messages.push(a!, a!, b!)
  await scenario.work.go()
  expect(await scenario.states()).toEqual({ succeeded: 2 })
})

test("a run that crashed leaves its lane when its lease has expired, and its attempt counts", async () => {
  const scenario = createWorkScenario({ concurrency: 1, retries: 1, run: ({ n }) => n })
  const [first, second] = [await scenario.enqueue(1), await scenario.enqueue(2)]
  await crash(first)
  await scenario.settled()
  expect((await scenario.job(second)).state).toBe("queued")
  scenario.advance(LEASE_MS)
  await scenario.run()
  expect(await scenario.states()).toEqual({ succeeded: 2 })
  const { attempts, errors } = await scenario.job(first)
  expect(attempts).toBe(2)
  expect(errors).toMatchObject([{ attempt: 1, message: "its run stopped without an end", durationMs: LEASE_MS }])

  async function crash(id: string): Promise<void> {
    await env.DB.prepare(
      "UPDATE _jobs SET state = 'running', claim = 'x', attempts = attempts + 1, started_at = ?2, due_at = ?3 WHERE id = ?1",
    )
      .bind(id, scenario.now(), scenario.now() + LEASE_MS)
      .run()
  }
})

test("a job whose last run crashes is dead, and the next of its lane is sent for", async () => {
  const scenario = createWorkScenario({ concurrency: 1, retries: 0, run: ({ n }) => n })
  const [first, second] = [await scenario.enqueue(1), await scenario.enqueue(2)]
  await env.DB.prepare(
    "UPDATE _jobs SET state = 'running', claim = 'x', attempts = 1, started_at = ?2, due_at = ?3 WHERE id = ?1",
  )
    .bind(first, scenario.now(), scenario.now() + LEASE_MS)
    .run()
  await scenario.settled()
  scenario.advance(LEASE_MS)
  await scenario.work.tick()
  expect(await scenario.job(first)).toMatchObject({ state: "dead", attempts: 1, due_at: null })
  await scenario.settled()
  expect(await scenario.job(second)).toMatchObject({ state: "succeeded", attempts: 1 })
})

test("a lane is told of as many jobs as it has room for, not of its whole backlog", async () => {
  const scenario = createWorkScenario({ concurrency: 2, run: () => {} })
  await scenario.insert(40)
  const [first] = await scenario.jobs("work")
  scenario.work.messages.push(toMessage({ id: first!.id }))
  let messages = 0
  while (scenario.work.messages.length > 0) {
    messages += scenario.work.messages.length
    await scenario.work.go()
  }
  expect(await scenario.states()).toEqual({ succeeded: 40 })
  expect(messages).toBeLessThan(120)
})

test("a wide lane with room for all costs few messages more than jobs", async () => {
  const scenario = createWorkScenario({ concurrency: 1_000, run: () => {} })
  await scenario.insert(500)
  const queue = (await scenario.jobs("work")).map(({ id }) => toMessage({ id }))
  let messages = queue.length
  while (queue.length > 0) {
    scenario.work.messages.push(...queue.splice(0, 5))
    await scenario.work.go()
    const sent = scenario.work.messages.splice(0)
    messages += sent.length
    queue.push(...sent)
    if (messages > 10_000) break
  }
  expect(messages).toBeLessThan(2_000)
  expect(await scenario.states()).toEqual({ succeeded: 500 })
})

test("a clock that jumps a day ahead ends all leases; what runs goes on, and the repeat ends the job", async () => {
  let runs = 0
  const scenario = createWorkScenario({
    run: async (_, ctx) => {
      if (++runs > 1) return "repeat"
      scenario.advance(24 * 3_600_000)
      await scenario.work.tick()
      await ctx.once("late", () => "never stored")
    },
  })
  const id = await scenario.enqueue(1)
  await scenario.settled()
  await scenario.run()
  expect(runs).toBe(2)
  expect(await scenario.job(id)).toMatchObject({ state: "succeeded", result: "repeat", attempts: 2 })
  expect(await env.DB.prepare("SELECT count(*) AS n FROM _job_steps").first("n")).toBe(0)
})
