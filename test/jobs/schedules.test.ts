import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { schedule } from "../../src/index.ts"
import { nextRun } from "../../src/jobs/schedules.ts"
import { forgetJobs } from "./engine-scenario.ts"
import { createJobScenario, START } from "./scenario.ts"

beforeEach(() => forgetJobs(env.DB))

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

function hourly(run: (tick: { scheduledFor: Date }) => unknown = () => {}, cron = "0 * * * *") {
  return schedule("report", { cron, run: ({ scheduledFor }) => run({ scheduledFor }) })
}

test("a schedule runs at its times, and the clock wakes for the next", async () => {
  const seen: string[] = []
  const scenario = createJobScenario([hourly(({ scheduledFor }) => seen.push(scheduledFor.toISOString()))])
  expect(await scenario.work.tick()).toBeLessThanOrEqual(START + HOUR_MS)
  for (let hour = 0; hour < 3; hour++) {
    scenario.advance(HOUR_MS)
    await scenario.run()
  }
  expect(seen).toEqual(["2026-11-21T13:00:00.000Z", "2026-11-21T14:00:00.000Z", "2026-11-21T15:00:00.000Z"])
})

test("runs missed for a day are caught up once", async () => {
  const seen: string[] = []
  const scenario = createJobScenario([hourly(({ scheduledFor }) => seen.push(scheduledFor.toISOString()))])
  await scenario.run()
  scenario.advance(DAY_MS + 60_000)
  await scenario.run()
  await scenario.run()
  expect(seen).toEqual(["2026-11-21T13:00:00.000Z"])
  const next = await env.DB.prepare("SELECT next_at FROM _schedules").first<number>("next_at")
  expect(new Date(next!).toISOString()).toBe("2026-11-22T13:00:00.000Z")
})

test("two Workers that tick at once make each run once", async () => {
  const scenarios = [1, 2, 3].map(() => createJobScenario([hourly()]))
  for (let hour = 0; hour < 5; hour++) {
    await Promise.all(scenarios.map(({ work }) => work.tick()))
    for (const scenario of scenarios) scenario.advance(HOUR_MS)
  }
  await Promise.all(scenarios.map(({ run }) => run()))
  const jobs = await scenarios[0]!.jobs("report")
  expect(jobs.map(({ input }) => input.scheduledFor)).toEqual([1, 2, 3, 4, 5].map((hour) => START + hour * HOUR_MS))
  expect(jobs.every(({ state, attempts }) => state === "succeeded" && attempts === 1)).toBe(true)
})

test("a schedule whose expression has changed comes at its new times, one that is gone comes no more", async () => {
  const before = createJobScenario([hourly()])
  await before.run()
  const after = createJobScenario([hourly(undefined, "30 * * * *")])
  await after.run()
  after.advance(HOUR_MS / 2)
  await after.run()
  expect((await after.jobs("report")).map(({ input }) => input.scheduledFor)).toEqual([START + HOUR_MS / 2])
  const gone = createJobScenario([])
  gone.advance(DAY_MS)
  await gone.run()
  expect(await gone.jobs("report")).toHaveLength(1)
  expect(await env.DB.prepare("SELECT count(*) AS n FROM _schedules").first("n")).toBe(0)
})

test("a schedule that has come for the last time doesn't stop the others", async () => {
  let runs = 0
  const last = schedule("last", { cron: "0 0 13 21 11 * 2026", run: () => {} })
  const scenario = createJobScenario([last, hourly(() => runs++)])
  await scenario.run()
  for (let hour = 0; hour < 3; hour++) {
    scenario.advance(HOUR_MS)
    await scenario.run()
  }
  expect(runs).toBe(3)
  expect(await scenario.jobs("last")).toHaveLength(1)
})

test("a schedule may have a limit on runs at the same time", async () => {
  const slow = schedule("slow", { cron: "* * * * *", concurrency: 1, run: () => {} })
  const scenario = createJobScenario([slow])
  await scenario.run()
  scenario.advance(60_000)
  await scenario.work.tick()
  const lane = await env.DB.prepare("SELECT lane, lane_width FROM _jobs WHERE name = 'slow'").first()
  expect(lane).toEqual({ lane: "slow", lane_width: 1 })
})

test("the last run of a schedule stays, however long ago", async () => {
  const monthly = schedule("monthly", { cron: "0 0 1 * *", run: () => ({ sold: 7 }) })
  const scenario = createJobScenario([monthly])
  await scenario.run()
  scenario.advance(10 * DAY_MS)
  await scenario.run()
  scenario.advance(20 * DAY_MS)
  await scenario.run()
  expect(await scenario.jobs("monthly")).toMatchObject([{ state: "succeeded", result: { sold: 7 } }])
})

test("a run that was set by a clock far ahead is made no second time when the clock is set right", async () => {
  const scenario = createJobScenario([hourly()])
  await scenario.run()
  scenario.advance(HOUR_MS)
  await scenario.run()
  scenario.advance(-HOUR_MS)
  await scenario.run()
  scenario.advance(HOUR_MS)
  await scenario.run()
  expect(await scenario.jobs("report")).toHaveLength(1)
})

test.each([
  ["the night that has no 02:30 in Berlin", "30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 4],
  ["the night that has two in Berlin", "30 2 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z", 4],
  ["the night that has no 02:30 in New York", "30 2 * * *", "America/New_York", "2026-03-06T12:00:00Z", 4],
  ["midnight that isn't there in Beirut", "0 0 * * *", "Asia/Beirut", "2026-03-27T12:00:00Z", 4],
])("a daily schedule comes once a day, also in %s", (_, cron, timeZone, from, days) => {
  const runs = runsOf({ cron, timeZone }, Date.parse(from), Date.parse(from) + days * DAY_MS)
  const dates = runs.map((at) => new Intl.DateTimeFormat("sv", { timeZone, dateStyle: "short" }).format(at))
  expect(new Set(dates).size).toBe(days)
  expect(dates).toHaveLength(days)
})

test("a schedule of every quarter of an hour goes on through both nights", () => {
  for (const from of ["2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z"]) {
    const start = Date.parse(from)
    const runs = runsOf({ cron: "*/15 * * * *", timeZone: "Europe/Berlin" }, start, start + 12 * HOUR_MS)
    expect(runs).toEqual(Array.from({ length: 48 }, (_, i) => start + (i + 1) * 15 * 60_000))
  }
})

test("half past five in India is not half past five in London", () => {
  const at = (timeZone: string) => new Date(nextRun({ name: "x", cron: "30 5 * * *", timeZone }, START)).toISOString()
  expect(at("Asia/Kolkata")).toBe("2026-11-22T00:00:00.000Z")
  expect(at("Europe/London")).toBe("2026-11-22T05:30:00.000Z")
})

test("what is no cron expression is refused when it is declared", () => {
  expect(() => schedule("odd", { cron: "not cron", run: () => {} })).toThrow(/^schedule odd: "not cron": /)
})

test.each([
  ["0 0 31 2 *", "UTC"],
  ["0 0 * * *", "Europe/Atlantis"],
])("%s in %s is told of when the clock starts, and stops no other", async (cron, timeZone) => {
  const other = schedule("other", { cron: "* * * * *", run: () => "ran" })
  const scenario = createJobScenario([schedule("odd", { cron, timeZone, run: () => {} }), other])
  await scenario.run()
  scenario.advance(60_000)
  await scenario.run()
  expect(await scenario.jobs("other")).toMatchObject([{ state: "succeeded" }])
  expect(await scenario.jobs("odd")).toEqual([])
  const faults = scenario.logged.filter(({ event }) => event === "schedule_fault")
  expect(faults).toMatchObject([{ level: "error", causes: [expect.stringContaining("schedule odd: ")] }])
})

/** The times after `from`, up to `to`. */
function runsOf(timing: { cron: string; timeZone: string }, from: number, to: number): number[] {
  const runs: number[] = []
  for (let at = nextRun({ name: "x", ...timing }, from); at <= to; at = nextRun({ name: "x", ...timing }, at)) {
    expect(at).toBeGreaterThan(runs.at(-1) ?? from)
    runs.push(at)
  }
  return runs
}
