/** One row that can't be read holds up no other. */

import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { job } from "../../src/index.ts"
import { createAdminScenario } from "./admin-scenario.ts"
import { createWorkScenario, forgetJobs } from "./engine-scenario.ts"

beforeEach(() => forgetJobs(env.DB))

const LEASE_MS = 15_000

const damage = (id: string, errors: string) =>
  env.DB.prepare("UPDATE _jobs SET errors = ? WHERE id = ?").bind(errors, id).run()

test.each(["", "{", "7", '{"a":1}'])(
  "a run that crashed is tried again, and so are others, though its errors are %j",
  async (errors) => {
    const scenario = createWorkScenario({ run: ({ n }) => n })
    const [first, second] = [await scenario.enqueue(1), await scenario.enqueue(2)]
    await damage(first, errors)
    await env.DB.prepare("UPDATE _jobs SET state = 'running', claim = 'x', attempts = 1, started_at = ?1, due_at = ?1")
      .bind(scenario.now())
      .run()
    scenario.work.messages.splice(0)
    scenario.advance(LEASE_MS)
    await scenario.run()
    expect(await scenario.states()).toEqual({ succeeded: 2 })
    expect((await scenario.job(second)).errors).toHaveLength(1)
  },
)

test("a job that fails is told so, though its earlier errors can't be read", async () => {
  const scenario = createWorkScenario({
    retries: 0,
    run: () => {
      throw new Error("no")
    },
  })
  const id = await scenario.enqueue(1)
  await damage(id, "{")
  await scenario.settled()
  expect(await scenario.job(id)).toMatchObject({ state: "dead", errors: [{ message: "no" }] })
})

test("the errors of a job whose input nearly fills a row make way for the newest", async () => {
  const scenario = createWorkScenario({
    retries: 2,
    backoff: () => 0,
    run: () => {
      throw new Error("x".repeat(2_000))
    },
  })
  const id = await scenario.enqueue(1)
  await env.DB.prepare("UPDATE _jobs SET input = json_object('n', 1, 'wide', ?2) WHERE id = ?1")
    .bind(id, "w".repeat(1_600_000))
    .run()
  await scenario.settled()
  const { errors } = await scenario.job(id)
  expect(errors.map(({ attempt }) => attempt)).toEqual([3])
})

test("a page shows the jobs beside one that can't be read", async () => {
  const work = job("work", { input: (await import("zod")).unknown(), run: () => {} })
  const scenario = await createAdminScenario([work])
  const [odd, whole] = [await scenario.enqueue("work", 1), await scenario.enqueue("work", 2)]
  await env.DB.prepare(
    "UPDATE _jobs SET errors = '{', input = '{', progress = '3', run_at = 900000000000000000 WHERE id = ?",
  )
    .bind(odd)
    .run()
  const { status, body } = await scenario.admin.get("/v1/admin/jobs?name=work")
  expect(status).toBe(200)
  expect(body.data).toMatchObject([
    { id: whole, input: 2 },
    { id: odd, input: "{", errors: [], progress: null },
  ])
})
