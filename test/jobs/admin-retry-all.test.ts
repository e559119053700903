/** Retrying all jobs of a name. */

import { beforeAll, expect, test } from "vitest"
import * as z from "zod"
import type { JobState } from "../../src/core/job.ts"
import { job } from "../../src/index.ts"
import { newId } from "../../src/tables.ts"
import { type AdminScenario, createAdminScenario } from "./admin-scenario.ts"

const MANY = 2_000

const many = job("retry-all", { input: z.number(), run: (n) => n })
const twins = job("retry-twins", { input: z.number(), unique: () => "one", run: (n) => n })
const other = job("retry-other", { input: z.number(), run: (n) => n })
let scenario: AdminScenario

beforeAll(async () => {
  scenario = await createAdminScenario([many, twins, other])
})

/** Jobs that have ended. */
async function ended(name: string, state: JobState, count: number, uniqueKey: string | null = null): Promise<void> {
  const ids = Array.from({ length: count }, newId)
  await scenario.d1
    .prepare(
      `INSERT INTO _jobs (id, name, state, input, attempts, max_attempts, run_at, unique_key, errors, created_at, started_at, finished_at)
SELECT value, ?2, ?3, '1', 6, 6, 1, ?4, '[{"attempt":6,"at":1,"durationMs":1,"message":"no","stack":null}]', ?5, ?5, ?5 FROM json_each(?1)`,
    )
    .bind(JSON.stringify(ids), name, state, uniqueKey, scenario.now())
    .run()
}

async function states(name: string): Promise<Record<string, number>> {
  const sql = "SELECT state, count(*) AS count FROM _jobs WHERE name = ? GROUP BY state"
  const { results } = await scenario.d1.prepare(sql).bind(name).all<{ state: string; count: number }>()
  return Object.fromEntries(results.map(({ state, count }) => [state, count]))
}

test("thousands of dead jobs of one name run again, and no others", async () => {
  await ended("retry-all", "dead", MANY)
  await ended("retry-all", "cancelled", 3)
  await ended("retry-other", "dead", 1)
  const { statements, trips } = scenario.counted
  const body = { name: "retry-all", state: "dead" }
  const answers = await Promise.all([1, 2].map(() => scenario.admin.post("/v1/admin/jobs/retry", { body })))
  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  expect(answers.reduce((sum, answer) => sum + answer.body.retried, 0)).toBe(MANY)
  expect(scenario.counted.trips - trips).toBeLessThan(12)
  expect(scenario.counted.statements - statements).toBeLessThan(24)
  expect(scenario.work.alarms).toContain(scenario.now())
  for (let tick = 0; tick < 4; tick++) await scenario.run()
  expect(await states("retry-all")).toEqual({ succeeded: MANY, cancelled: 3 })
  expect(await states("retry-other")).toEqual({ dead: 1 })
})

test("of equal ones that are dead, one runs again and the others stay", async () => {
  await ended("retry-twins", "dead", 3, "one")
  const body = { name: "retry-twins", state: "dead" }
  expect(await scenario.admin.post("/v1/admin/jobs/retry", { body })).toMatchObject({ body: { retried: 1 } })
  expect(await states("retry-twins")).toEqual({ queued: 1, dead: 2 })
  await scenario.run()
  expect(await states("retry-twins")).toEqual({ succeeded: 1, dead: 2 })
})

test("a name without a declaration is refused, and so is a state that can't be retried", async () => {
  const retry = (body: unknown) => scenario.admin.post("/v1/admin/jobs/retry", { body })
  for (const name of ["nobody", "message"])
    expect(await retry({ name, state: "dead" })).toMatchObject({ status: 409, body: { code: "conflict" } })
  for (const body of [{ name: "retry-all", state: "running" }, { name: "retry-all" }, {}, { name: 1, state: "dead" }])
    expect(await retry(body)).toMatchObject({ status: 422, body: { code: "validation_failed" } })
  expect(await retry({ name: "retry-all", state: "dead" })).toMatchObject({ status: 200, body: { retried: 0 } })
})
