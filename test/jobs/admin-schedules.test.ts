/** What operators see of schedules. */

import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { schedule } from "../../src/index.ts"
import { collectDeclarations } from "../../src/jobs/declarations.ts"
import { backend } from "../fixture/backend.ts"
import { createScenario } from "../fixture/scenario.ts"
import { type AdminScenario, createAdminScenario } from "./admin-scenario.ts"

let fails = true
const runs: Date[] = []
const report = schedule("admin-report", {
  cron: "0 6 1 * *",
  timeZone: "Europe/Berlin",
  retries: 0,
  run: ({ scheduledFor }) => {
    runs.push(scheduledFor)
    if (fails) throw new Error("the printer is out")
    return "printed"
  },
})
const cleaning = schedule("admin-cleaning", { cron: "* * * * *", run: () => {} })
let scenario: AdminScenario

beforeAll(async () => {
  scenario = await createAdminScenario([report, cleaning])
})

async function reportRow(admin = scenario.admin) {
  return (await admin.get("/v1/admin/schedules")).body.data[1]
}

test("schedules are listed by name with their next run, before and after the clock has seen them", async () => {
  const before = await scenario.admin.get("/v1/admin/schedules")
  expect(before.status).toBe(200)
  expect(before.body).toEqual({
    data: [
      {
        name: "admin-cleaning",
        cron: "* * * * *",
        timeZone: "UTC",
        nextAt: "2026-11-21T12:01:00.000Z",
        lastAt: null,
        lastJob: null,
      },
      {
        name: "admin-report",
        cron: "0 6 1 * *",
        timeZone: "Europe/Berlin",
        nextAt: "2026-12-01T05:00:00.000Z",
        lastAt: null,
        lastJob: null,
      },
    ],
    page: { next: null, previous: null },
  })
  await scenario.run()
  expect((await scenario.admin.get("/v1/admin/schedules")).body).toEqual(before.body)
})

test("a run by hand is a job of its own and leaves the calendar as it is", async () => {
  const { status, body } = await scenario.admin.post("/v1/admin/schedules/admin-report/run")
  expect(status).toBe(202)
  expect(body).toMatchObject({ name: "admin-report", state: "queued", input: { scheduledFor: scenario.now() } })
  expect(body.traceId).not.toBeNull()
  await scenario.settled()
  expect(runs).toEqual([new Date(scenario.now())])
  expect(await reportRow()).toMatchObject({
    nextAt: "2026-12-01T05:00:00.000Z",
    lastAt: "2026-11-21T12:00:00.000Z",
    lastJob: { id: body.id, state: "dead", attempts: 1, error: { message: "the printer is out" } },
  })
})

test("the newest run is shown, whether it came by the calendar or by hand", async () => {
  fails = false
  scenario.advance(10 * 24 * 3_600_000)
  await scenario.run()
  const service = await scenario.as("service")
  expect(await reportRow(service)).toMatchObject({
    nextAt: "2027-01-01T05:00:00.000Z",
    lastAt: "2026-12-01T12:00:00.000Z",
    lastJob: { state: "succeeded", result: "printed", error: null },
  })
  const [dead] = await scenario.jobs("admin-report")
  expect(await service.post(`/v1/admin/jobs/${dead!.id}/retry`)).toMatchObject({ status: 200 })
  await scenario.settled()
  expect(await scenario.job(dead!.id)).toMatchObject({ state: "succeeded" })
})

test("the job of a run by hand is shown, though time goes on while it is made", async () => {
  let at = Date.UTC(2027, 5, 1)
  const ticking = schedule("admin-ticking", { cron: "0 6 1 * *", run: () => {} })
  const later = createScenario({ ...backend, jobs: collectDeclarations([ticking]) }, env.DB, () => at++)
  const service = await later.as("service")
  await later.work.tick()
  const { body } = await service.post("/v1/admin/schedules/admin-ticking/run")
  expect((await service.get("/v1/admin/schedules")).body.data).toMatchObject([{ lastJob: { id: body.id } }])
})

test("an unknown schedule is not found", async () => {
  const service = await scenario.as("service")
  for (const name of ["nobody", "%00", "receipt"]) {
    const answer = await service.post(`/v1/admin/schedules/${name}/run`)
    expect(answer).toMatchObject({ status: 404, body: { code: "not_found" } })
  }
})
