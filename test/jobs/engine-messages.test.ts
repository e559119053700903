import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { consumeDead } from "../../src/jobs/messages.ts"
import { toMessage } from "../fixture/work.ts"
import { consumeInParallel } from "./engine-runs.ts"
import { createWorkScenario, defineWork, forgetJobs } from "./engine-scenario.ts"
import { createJobScenario } from "./scenario.ts"

beforeEach(() => forgetJobs(env.DB))

/** A generator that gives the same again for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

test.each(Array.from({ length: env.TEST_LONG ? 100 : 8 }, (_, seed) => [seed]))(
  "messages that come twice, in any order or never: every job ends, each effect happens once (seed %i)",
  async (seed) => {
    const random = randomFrom(seed)
    const effects = new Map<string, number>()
    const scenario = createWorkScenario({
      retries: 20,
      concurrency: seed % 2 === 0 ? undefined : 4,
      run: async (_, ctx) => {
        if (random() < 0.2) throw new Error("before")
        await ctx.once("charge", (key) => {
          effects.set(key, (effects.get(key) ?? 0) + 1)
        })
        if (random() < 0.3) throw new Error("after")
      },
    } as Parameters<typeof createWorkScenario>[0])
    await scenario.insert(30)
    scenario.work.messages.push(...(await scenario.jobs("work")).map(({ id }) => toMessage({ id })))
    for (let round = 0; round < 60 && !(await isOver()); round++) {
      const messages = scenario.work.messages
        .splice(0)
        .flatMap((message) => (random() < 0.2 ? [] : random() < 0.3 ? [message, message] : [message]))
        .sort(() => random() - 0.5)
      const batches = [messages.slice(0, messages.length / 2), messages.slice(messages.length / 2)]
      await consumeInParallel(scenario, batches)
      scenario.advance(random() < 0.1 ? 24 * 3_600_000 : 40_000)
      await scenario.work.tick()
    }
    expect(await scenario.states()).toEqual({ succeeded: 30 })
    expect([...effects.values()]).toEqual(Array(30).fill(1))

    async function isOver(): Promise<boolean> {
      const states = Object.keys(await scenario.states())
      return states.length === 1 && states[0] === "succeeded"
    }
  },
)

test("10,000 jobs all end", async () => {
  const scenario = createWorkScenario({ run: () => {} })
  for (let i = 0; i < 4; i++) await scenario.insert(2_500)
  const ids = await env.DB.prepare("SELECT id FROM _jobs").raw<[string]>()
  expect(ids).toHaveLength(10_000)
  for (let i = 0; i < ids.length; i += 500)
    await consumeInParallel(
      scenario,
      Array.from({ length: 10 }, (_, j) => ids.slice(i + j * 50, i + (j + 1) * 50).map(([id]) => toMessage({ id }))),
    )
  expect(await scenario.states()).toEqual({ succeeded: 10_000 })
}, 120_000)

const odd = new Map([["self", 1n]])
const loop: unknown[] = []
loop.push(loop)

test.each([
  ["text", "hello", "hello"],
  ["null", null, null],
  ["another shape", { order: 7 }, { order: 7 }],
  ["a map", odd, {}],
  ["a big number", 7n, "7"],
  ["a cycle", loop, ""],
])("a message that holds %s is kept as a dead letter once, and the jobs beside it run", async (_, body, kept) => {
  const scenario = createWorkScenario({ run: () => {} })
  const id = await scenario.enqueue(1)
  const foreign = toMessage(body)
  await consumeInParallel(scenario, [[foreign, toMessage({ id })], [foreign]])
  expect((await scenario.job(id)).state).toBe("succeeded")
  expect(await scenario.jobs("message")).toMatchObject([
    { state: "dead", input: kept, errors: [{ message: "this is no message of ours" }] },
  ])
})

test("a message of a job that was discarded does nothing", async () => {
  const scenario = createWorkScenario({ run: () => {} })
  let isAcknowledged = false
  const message = {
    ...toMessage({ id: "gone" }),
    ack: () => {
      isAcknowledged = true
    },
  }
  await consumeInParallel(scenario, [[message]])
  expect(isAcknowledged).toBe(true)
})

test("while the database is away messages are brought again, at longer and longer intervals", async () => {
  const scenario = createWorkScenario({ run: () => {} })
  const delays: unknown[] = []
  const message = (attempts: number) => ({
    ...toMessage({ id: "x" }),
    attempts,
    retry: ({ delaySeconds } = {} as { delaySeconds?: number }) => delays.push(delaySeconds),
  })
  const d1 = {
    withSession: () => ({ prepare: () => ({ bind: () => ({}) }), batch: () => Promise.reject(new Error("away")) }),
  }
  const away = { work: { ...scenario.work, system: { ...scenario.work.system, d1: d1 as unknown as D1Database } } }
  await consumeInParallel(away, [[message(1), message(3), message(11)]])
  expect(delays).toEqual([5, 20, 300])
})

test("what the platform's own dead letter queue holds comes into the list, unless it runs, has ended or waits", async () => {
  const scenario = createWorkScenario({
    run: ({ n }) => {
      if (n === 3) throw new Error("busy")
    },
  })
  const [ended, waits, retrying] = [
    await scenario.enqueue(1),
    await scenario.enqueue(2, { delay: 60_000 }),
    await scenario.enqueue(3),
  ]
  await scenario.settled()
  const lost = await scenario.enqueue(4)
  const ids = [ended, waits, retrying, lost]
  await consumeDead([...ids.map((id) => toMessage({ id })), toMessage("no job")], scenario.work.system)
  const states = await Promise.all(ids.map(async (id) => (await scenario.job(id)).state))
  expect(states).toEqual(["succeeded", "queued", "retrying", "dead"])
  expect((await scenario.job(lost)).errors).toMatchObject([{ message: "the queue gave up on its message" }])
  expect(await scenario.jobs("message")).toMatchObject([{ state: "dead", input: "no job" }])
})

test("jobs that ended a week ago are removed; dead letters stay", async () => {
  const scenario = createWorkScenario({ run: ({ n }) => n })
  const [old, dead] = [await scenario.enqueue(1), await scenario.enqueue(2)]
  await scenario.settled()
  await env.DB.prepare("UPDATE _jobs SET state = 'dead' WHERE id = ?").bind(dead).run()
  await scenario.work.tick()
  scenario.advance(7 * 24 * 3_600_000 - 1)
  await scenario.run()
  expect(await scenario.jobs("work")).toHaveLength(2)
  scenario.advance(600_000)
  const young = await scenario.enqueue(3)
  await scenario.run()
  expect((await scenario.jobs("work")).map(({ id }) => id)).toEqual([dead, young])
  expect(await scenario.job(old)).toBeUndefined()
})

test("two Workers that get the same message run the job once", async () => {
  let runs = 0
  const run = () => {
    runs++
  }
  const scenario = createWorkScenario({ run })
  const other = createJobScenario([defineWork({ run })])
  const id = await scenario.enqueue(1)
  await Promise.all([scenario, other].map((one) => consumeInParallel(one, Array(5).fill([toMessage({ id })]))))
  expect(runs).toBe(1)
})
