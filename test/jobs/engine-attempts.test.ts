import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import * as z from "zod"
import { type JobContext, JobFailure, job } from "../../src/index.ts"
import { toMessage } from "../fixture/work.ts"
import { createWorkScenario, forgetJobs } from "./engine-scenario.ts"
import { createJobScenario } from "./scenario.ts"

beforeEach(() => forgetJobs(env.DB))

const throws = (error: unknown) => () => {
  throw error
}
const unspeakable = Object.create(null, { toJSON: { value: throws(new Error("no")) } })
const cyclic: Record<string, unknown> = {}
cyclic.self = cyclic

test.each([
  ["undefined", undefined, "undefined"],
  ["text", "out of paper", "out of paper"],
  ["an object", { code: 7 }, '{"code":7}'],
  ["what can't become text", unspeakable, "it threw what can't be told as text"],
  ["an error whose message is none", Object.assign(new Error("x"), { message: { a: 1 } }), "[object Object]"],
  ["a message of a megabyte", new Error("y".repeat(1_000_000)), "y".repeat(2_000)],
])("a job that throws %s is retried, and its row says what it threw", async (_, thrown, message) => {
  const scenario = createWorkScenario({ run: throws(thrown) })
  const id = await scenario.enqueue(1)
  await scenario.settled()
  expect(await scenario.job(id)).toMatchObject({ state: "retrying", attempts: 1, errors: [{ attempt: 1, message }] })
})

test("an error is kept with the stacks of its causes", async () => {
  const cause = new Error("no such table: tickets")
  const scenario = createWorkScenario({ run: throws(new Error("the query failed", { cause })) })
  const id = await scenario.enqueue(1)
  await scenario.settled()
  const { errors } = await scenario.job(id)
  expect(errors[0]!.stack).toContain("the query failed")
  expect(errors[0]!.stack).toContain("caused by Error: no such table: tickets")
})

test.each([
  ["a cycle", () => cyclic],
  ["a function", () => () => 1],
  ["a big number", () => 1n],
  ["65 KiB in 22,000 characters", () => "€".repeat(22_000)],
])("a job whose result is %s is dead at once: to do the work again would not help", async (_, run) => {
  let runs = 0
  const scenario = createWorkScenario({
    run: () => {
      runs++
      return run()
    },
  })
  const id = await scenario.enqueue(1)
  await scenario.settled()
  expect(await scenario.job(id)).toMatchObject({ state: "dead", attempts: 1, result: null })
  expect(runs).toBe(1)
})

test.each([
  ["throws", throws(new Error("no idea"))],
  ["gives no number", () => Number.NaN],
  ["gives for ever", () => Number.POSITIVE_INFINITY],
])("a backoff that %s still leaves the job a time to run at", async (_, backoff) => {
  const scenario = createWorkScenario({ run: throws(new Error("x")), backoff })
  const id = await scenario.enqueue(1)
  await scenario.settled()
  const { state, run_at, due_at } = await scenario.job(id)
  expect(state).toBe("retrying")
  expect(run_at).toBeGreaterThan(scenario.now())
  expect(due_at).toBe(run_at)
})

test("a JobFailure says when to try again, or that there is no use in it", async () => {
  const failures = [new JobFailure("busy", { retryAfterMs: 90_000 }), new JobFailure("no such order", { final: true })]
  const scenario = createWorkScenario({ run: () => throws(failures.shift())() })
  const id = await scenario.enqueue(1)
  await scenario.settled()
  expect(await scenario.job(id)).toMatchObject({ state: "retrying", run_at: scenario.now() + 90_000 })
  scenario.advance(90_000)
  await scenario.run()
  expect(await scenario.job(id)).toMatchObject({ state: "dead", attempts: 2 })
})

test("durations, the trace of the request and the result are in the row", async () => {
  const scenario = createWorkScenario({ run: ({ n }, ctx) => ({ n, trace: ctx.traceId }) })
  const id = await scenario.enqueue(1)
  scenario.advance(5)
  await scenario.settled()
  const row = await scenario.job(id)
  expect(row).toMatchObject({ started_at: scenario.now(), finished_at: scenario.now(), result: { n: 1 } })
  expect(row.trace_id).toMatch(/^[\w-]{36}$/)
  expect(row.result.trace).toBe(row.trace_id)
})

test("a job that takes longer than its timeout is aborted and tried again; what it does later counts for nothing", async () => {
  const attempts: AbortSignal[] = []
  const late: Promise<unknown>[] = []
  const scenario = createWorkScenario(
    {
      timeout: 40,
      run: async (_, ctx) => {
        attempts.push(ctx.signal)
        if (ctx.attempt > 1) return ctx.once("charge", () => "second")
        await new Promise((resolve) => setTimeout(resolve, 80))
        late.push(
          ...[
            ctx.once("charge", () => "late"),
            ctx.progress(1, 2),
            ctx.enqueue(second, {}),
            ctx.atomic([ctx.enqueue(second, {})]),
          ].map((write) => Promise.resolve(write).catch((error: Error) => error.message)),
        )
        return "late"
      },
    },
    [],
  )
  const id = await scenario.enqueue(1)
  await scenario.settled()
  expect(attempts[0]!.aborted).toBe(true)
  expect(await scenario.job(id)).toMatchObject({
    state: "retrying",
    errors: [{ message: "it took longer than 40 ms" }],
  })
  await new Promise((resolve) => setTimeout(resolve, 100))
  for (const outcome of await Promise.all(late)) expect(outcome).toBe("it took longer than 40 ms")
  expect(await scenario.jobs("second")).toEqual([])
  scenario.advance(2_000)
  await scenario.run()
  expect(await scenario.job(id)).toMatchObject({ state: "succeeded", result: "second", progress: null })
})

const second = job("second", { input: z.object({}), run: () => {} })

test("a run that was cancelled notices at its next word, and writes nothing", async () => {
  let told: unknown
  const scenario = createWorkScenario({
    run: async (_, ctx) => {
      await env.DB.prepare(
        "UPDATE _jobs SET state = 'cancelled', claim = NULL, due_at = NULL, finished_at = 1 WHERE id = ?",
      )
        .bind(ctx.jobId)
        .run()
      await ctx.progress(1, 2).catch((error: Error) => {
        told = [error.message, ctx.signal.aborted]
      })
      return "done"
    },
  })
  const id = await scenario.enqueue(1)
  await scenario.settled()
  expect(told).toEqual(["the job was cancelled, or its lease expired", true])
  expect(await scenario.job(id)).toMatchObject({ state: "cancelled", result: null, progress: null, errors: [] })
})

test("ctx.once doesn't repeat a step that ended, and gives each the same key in every attempt", async () => {
  const calls: string[] = []
  const step = (name: string) => (key: string) => {
    calls.push(`${name} ${key}`)
    return { receipt: calls.length }
  }
  const scenario = createWorkScenario({
    retries: 2,
    run: async (_, ctx) => {
      const charge = await ctx.once("charge", step("charge"))
      if (ctx.attempt < 3) throw new Error(`attempt ${ctx.attempt}`)
      return [charge, await ctx.once("mail", step("mail")), await ctx.once("charge", step("charge"))]
    },
  })
  const id = await scenario.enqueue(1)
  for (let attempt = 1; attempt <= 3; attempt++) {
    await scenario.run()
    scenario.advance(60_000)
  }
  expect(calls).toEqual([`charge ${id}:charge`, `mail ${id}:mail`])
  expect((await scenario.job(id)).result).toEqual([{ receipt: 1 }, { receipt: 2 }, { receipt: 1 }])
})

test("a step whose result can't be kept isn't done again", async () => {
  let steps = 0
  const scenario = createWorkScenario({ run: (_, ctx) => ctx.once("large", () => "x".repeat(70_000 + steps++)) })
  const id = await scenario.enqueue(1)
  await scenario.settled()
  expect(await scenario.job(id)).toMatchObject({
    state: "dead",
    attempts: 1,
    errors: [{ message: expect.stringContaining("step large: its result") }],
  })
  expect(steps).toBe(1)
})

test("progress stands in the row while the job runs", async () => {
  let seen: unknown
  const scenario = createWorkScenario({
    run: async (_, ctx) => {
      await ctx.progress(30, 100)
      seen = await scenario.job(ctx.jobId)
    },
  })
  await scenario.enqueue(1)
  await scenario.settled()
  expect(seen).toMatchObject({ state: "running", progress: [30, 100], attempts: 1 })
})

test("records, atomic batches and further jobs are there in a job, under the trace of the request", async () => {
  const after = job("after", { input: z.object({ title: z.string() }), run: ({ title }) => title })
  const scenario = createWorkScenario(
    {
      run: async (_, ctx: JobContext) => {
        const { films } = ctx.records("service") as unknown as {
          films: { create(input: object): PromiseLike<{ title: string }> }
        }
        const film = await films.create({ title: "Alien", priceCents: 1, stock: 1 })
        await ctx.atomic([
          films.create({ title: "Aliens", priceCents: 1, stock: 1 }) as never,
          ctx.enqueue(after, film),
        ])
        return (await ctx.enqueue(after, { title: "Alone" })).id
      },
    },
    [after],
  )
  const before = await scenario.lastSeq()
  const id = await scenario.enqueue(1)
  await scenario.settled()
  const { state, trace_id, result } = await scenario.job(id)
  expect(state).toBe("succeeded")
  expect((await scenario.changes(before)).map(({ after }) => JSON.stringify(after))).toEqual([
    expect.stringContaining("Alien"),
    expect.stringContaining("Aliens"),
  ])
  const further = await scenario.jobs("after")
  expect(further.map((row) => [row.state, row.result, row.trace_id])).toEqual([
    ["succeeded", "Alien", trace_id],
    ["succeeded", "Alone", trace_id],
  ])
  expect(further[1]!.id).toBe(result)
})

test("a job that the Worker doesn't know, as while a deploy spreads, waits for one that does", async () => {
  const scenario = createWorkScenario({ run: () => "known" })
  const id = await scenario.enqueue(1)
  const older = createJobScenario([])
  older.work.messages.push(toMessage({ id }))
  await older.settled()
  expect(await scenario.job(id)).toMatchObject({ state: "retrying", errors: [{ message: "there is no job work" }] })
  scenario.advance(120_000)
  await scenario.run()
  expect(await scenario.job(id)).toMatchObject({ state: "succeeded", result: "known" })
})

test("an input that no longer fits the job makes it dead at once, with the place", async () => {
  const scenario = createWorkScenario({ run: () => {} })
  const id = await scenario.enqueue(1)
  await env.DB.prepare(`UPDATE _jobs SET input = '{"n":"one"}' WHERE id = ?`).bind(id).run()
  await scenario.settled()
  const { state, errors } = await scenario.job(id)
  expect(state).toBe("dead")
  expect(errors[0]!.message).toMatch(/^job work: the input's n: /)
})

test("an input that can't be read fails alone: the others of its batch run", async () => {
  const scenario = createWorkScenario({ run: () => {} })
  const [broken, sound] = [await scenario.enqueue(1), await scenario.enqueue(2)]
  await env.DB.prepare("UPDATE _jobs SET input = '{' WHERE id = ?").bind(broken).run()
  await scenario.settled()
  const state = await env.DB.prepare("SELECT state FROM _jobs WHERE id = ?").bind(broken).first("state")
  expect(state).toBe("retrying")
  expect((await scenario.job(sound)).state).toBe("succeeded")
})
