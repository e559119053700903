import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import type { Begun, Limiter } from "./limiter.ts"
import type { FlowLimit, Outcome } from "./tally.ts"

const START = Date.UTC(2026, 10, 20, 12)
const MINUTE_MS = 60_000
const WINDOW_MS = 5 * MINUTE_MS
const DAY_MS = 24 * 60 * MINUTE_MS
const PASSWORD: FlowLimit = { flow: "password", limit: 10, windowMs: WINDOW_MS }
const BOUNDED: FlowLimit = { ...PASSWORD, mostConsecutive: 100 }

let limiter: DurableObjectStub<Limiter>
let now: number
let subjects = 0

beforeEach(() => {
  limiter = env.LIMITER.getByName(`test:${subjects++}`)
  now = START
})

test("10: of 100 parallel wrong attempts exactly 10 pass", async () => {
  const answers = await parallel(100, () => attempt("failed"))
  expect(answers.filter(isAllowed)).toHaveLength(10)
  expect(answers.filter((answer) => !isAllowed(answer))).toEqual(Array(90).fill({ retryAfterS: 300 }))
})

test("10: 100 parallel right attempts all pass, those that wait in the order in which they came", async () => {
  const order: number[] = []
  const answers = await parallel(100, async (index) => {
    const begun = await begin()
    order.push(index)
    await settle(begun, "succeeded")
    return begun
  })
  expect(answers.every(isAllowed)).toBe(true)
  expect(order).toEqual(Array.from({ length: 100 }, (_, index) => index))
})

test("10: right attempts among wrong ones pass until 10 wrong ones have", async () => {
  const outcomes = Array.from({ length: 100 }, (_, index): Outcome => (index % 3 === 0 ? "failed" : "succeeded"))
  const answers = await parallel(100, (index) => attempt(outcomes[index]!))
  const passed = outcomes.filter((_, index) => isAllowed(answers[index]!))
  expect(passed.filter((outcome) => outcome === "failed")).toHaveLength(10)
  expect(passed.length).toBeGreaterThanOrEqual(27)
  expect(await begin()).toEqual({ retryAfterS: 300 })
})

test("9: a failure leaves the window after five minutes, and not before", async () => {
  await attempt("failed")
  now += MINUTE_MS
  for (let i = 0; i < 9; i++) await attempt("failed")
  expect(await begin()).toEqual({ retryAfterS: 240 })
  now = START + WINDOW_MS - 1
  expect(await begin()).toEqual({ retryAfterS: 1 })
  now = START + WINDOW_MS
  expect(await attempt("failed")).toMatchObject({ ticket: expect.any(String) })
  expect(await begin()).toEqual({ retryAfterS: 60 })
})

test("9: right attempts use nothing up, and neither do released ones", async () => {
  for (let i = 0; i < 9; i++) await attempt("failed")
  for (let i = 0; i < 20; i++) await attempt(i % 2 ? "succeeded" : "released")
  expect(isAllowed(await attempt("failed"))).toBe(true)
  expect(isAllowed(await begin())).toBe(false)
})

test("9: what failed is still known after an eviction", async () => {
  for (let i = 0; i < 9; i++) await attempt("failed")
  const begun = await begin()
  await evictDurableObject(limiter)
  expect(await begin(PASSWORD, { wait: false })).toEqual({ busy: true })
  await settle(begun, "failed")
  expect(await begin()).toEqual({ retryAfterS: 300 })
})

test("9: an attempt whose outcome never comes is a failure, which nobody waits for after a minute", async () => {
  for (let i = 0; i < 10; i++) await begin()
  now += MINUTE_MS
  expect(await begin()).toEqual({ retryAfterS: 240 })
  now = START + WINDOW_MS
  expect(isAllowed(await begin())).toBe(true)
})

test("9: only the first outcome counts", async () => {
  for (let i = 0; i < 10; i++) {
    const begun = await begin()
    await settle(begun, "failed")
    await settle(begun, "succeeded")
  }
  expect(await begin()).toEqual({ retryAfterS: 300 })
})

test("who waits for an outcome that doesn't come is refused after ten seconds", async () => {
  for (let i = 0; i < 10; i++) await begin()
  const started = Date.now()
  expect(await parallel(3, () => begin())).toEqual(Array(3).fill({ retryAfterS: 1 }))
  expect(Date.now() - started).toBeGreaterThanOrEqual(9_900)
})

test("who doesn't want to wait is told that others are under way, and overtakes nobody", async () => {
  const holders = await parallel(10, () => begin())
  const waiting = [begin(), begin()]
  expect(await begin(PASSWORD, { wait: false })).toEqual({ busy: true })
  await settle(holders[0]!, "released")
  expect(isAllowed(await waiting[0]!)).toBe(true)
  expect(await begin(PASSWORD, { wait: false })).toEqual({ busy: true })
  await settle(holders[1]!, "released")
  expect(isAllowed(await waiting[1]!)).toBe(true)
})

test("19: the limits of two flows don't touch, nor do those of two subjects", async () => {
  for (let i = 0; i < 10; i++) await attempt("failed")
  expect(isAllowed(await begin())).toBe(false)
  expect(isAllowed(await begin({ ...PASSWORD, flow: "code" }))).toBe(true)
  const other = env.LIMITER.getByName(`test:${subjects++}`)
  expect(isAllowed(await other.begin([PASSWORD], now))).toBe(true)
})

test("an attempt in two flows is refused by either, and then counts in neither", async () => {
  const strict: FlowLimit = { flow: "strict", limit: 1, windowMs: 2 * WINDOW_MS }
  for (let i = 0; i < 5; i++) await limiter.begin([PASSWORD, strict], now).then((begun) => settle(begun, "failed"))
  expect(await limiter.begin([PASSWORD, strict], now)).toEqual({ retryAfterS: 600 })
  for (let i = 0; i < 9; i++) expect(isAllowed(await attempt("failed"))).toBe(true)
  expect(isAllowed(await begin())).toBe(false)
})

test("9: after 100 failures in a row, however slow, the flow refuses until it is cleared", async () => {
  await failSlowly(100)
  now += DAY_MS
  expect(await begin(BOUNDED)).toEqual({ retryAfterS: 86_400 })
  await evictDurableObject(limiter)
  expect(await begin(BOUNDED)).toEqual({ retryAfterS: 86_400 })
  await limiter.clear(BOUNDED.flow)
  expect(isAllowed(await begin(BOUNDED))).toBe(true)
})

test("9: parallel attempts don't get past the bound of 100 in a row", async () => {
  await failSlowly(97)
  now += WINDOW_MS
  const answers = await parallel(20, () => attempt("failed", BOUNDED))
  expect(answers.filter(isAllowed)).toHaveLength(3)
})

test("9: a success ends the failures in a row, also for those who wait at the bound", async () => {
  await failSlowly(99)
  now += WINDOW_MS
  const answers = await parallel(20, () => attempt("succeeded", BOUNDED))
  expect(answers.every(isAllowed)).toBe(true)
  await failSlowly(99)
  expect(isAllowed(await begin(BOUNDED))).toBe(true)
})

test("9: a released attempt doesn't end the failures in a row", async () => {
  await failSlowly(99)
  await attempt("released", BOUNDED)
  expect(isAllowed(await attempt("failed", BOUNDED))).toBe(true)
  now += WINDOW_MS
  expect(await begin(BOUNDED)).toEqual({ retryAfterS: 86_400 })
})

test("9: failures in a row are forgotten 30 days after the last one", async () => {
  await failSlowly(100)
  const last = now - MINUTE_MS
  now = last + 30 * DAY_MS - 1
  expect(isAllowed(await begin(BOUNDED))).toBe(false)
  now++
  expect(isAllowed(await begin(BOUNDED))).toBe(true)
})

test("clearing a flow lets in those who wait, and leaves other flows alone", async () => {
  const code: FlowLimit = { ...PASSWORD, flow: "code" }
  for (let i = 0; i < 10; i++) await attempt("failed", code)
  await parallel(10, () => begin())
  const waiting = begin()
  await begin(PASSWORD, { wait: false })
  await limiter.clear(PASSWORD.flow)
  expect(isAllowed(await waiting)).toBe(true)
  expect(isAllowed(await begin(code))).toBe(false)
})

test("10: of 100 parallel events exactly as many are taken as the limit allows, in a window that slides", async () => {
  const answers = await parallel(100, () => take())
  expect(answers.filter((answer) => "allowed" in answer)).toHaveLength(10)
  expect(await take()).toEqual({ retryAfterS: 300 })
  now += WINDOW_MS - 1
  expect(await take()).toEqual({ retryAfterS: 1 })
  now++
  expect(await take()).toEqual({ allowed: true })
})

test("the alarm forgets what has left the window, and deletes everything when nothing is left", async () => {
  await attempt("failed")
  now += 4 * MINUTE_MS
  await attempt("failed")
  expect(await rows()).toBe(2)
  expect(await runDurableObjectAlarm(limiter)).toBe(true)
  expect(await rows()).toBe(1)
  expect(await runDurableObjectAlarm(limiter)).toBe(true)
  expect(await tables()).toEqual([])
  expect(await runDurableObjectAlarm(limiter)).toBe(false)
  expect(isAllowed(await attempt("failed"))).toBe(true)
  expect(await rows()).toBe(1)
})

test("the alarm is set to when the window ends, and later to when failures in a row are forgotten", async () => {
  await attempt("failed", BOUNDED)
  expect(await alarmIn()).toBeCloseTo(WINDOW_MS, -3.5)
  await runDurableObjectAlarm(limiter)
  expect(await alarmIn()).toBeCloseTo(30 * DAY_MS - WINDOW_MS, -3.5)
  await runDurableObjectAlarm(limiter)
  expect(await tables()).toEqual([])
})

test("a subject that is unknown is cleared and settled without writing anything", async () => {
  await limiter.clear(PASSWORD.flow)
  await limiter.settle("unknown", "succeeded")
  expect(await tables()).toEqual([])
})

test("a rate is stored in one row, which an eviction leaves and the alarm takes away when nothing is owed", async () => {
  const rule = { limit: 60, windowMs: MINUTE_MS, burst: 60 }
  const spend = (cost: number) => limiter.spend({ costs: [cost], report: undefined }, rule, now)
  expect(await spend(40)).toMatchObject({ waits: [0], lease: 0 })
  await evictDurableObject(limiter)
  expect(await spend(30)).toMatchObject({ waits: [now + 10_000] })
  expect(await spend(10)).toMatchObject({ waits: [0] })
  expect(await tables()).toEqual([])
  expect(await stored()).toEqual(["alarmFor", "rate"])
  expect(await alarmIn()).toBeCloseTo(MINUTE_MS, -3.5)
  now += 30_000
  await spend(20)
  expect(await runDurableObjectAlarm(limiter)).toBe(true)
  expect(await stored()).toEqual(["alarmFor", "rate"])
  expect(await runDurableObjectAlarm(limiter)).toBe(true)
  expect(await stored()).toEqual([])
  expect(await runDurableObjectAlarm(limiter)).toBe(false)
})

test("a refusal writes nothing", async () => {
  const rule = { limit: 1, windowMs: MINUTE_MS, burst: 1 }
  await limiter.spend({ costs: [2], report: undefined }, rule, now)
  expect(await stored()).toEqual([])
})

function begin(flow: FlowLimit = PASSWORD, options = { wait: true }): Promise<Begun> {
  return limiter.begin([flow], now, options) as Promise<Begun>
}

async function settle(begun: Begun, outcome: Outcome): Promise<void> {
  if ("ticket" in begun) await limiter.settle(begun.ticket, outcome)
}

async function attempt(outcome: Outcome, flow: FlowLimit = PASSWORD): Promise<Begun> {
  const begun = await begin(flow)
  await settle(begun, outcome)
  return begun
}

/** Slow enough for the window. */
async function failSlowly(times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    expect(isAllowed(await attempt("failed", BOUNDED))).toBe(true)
    now += MINUTE_MS
  }
}

async function take() {
  return limiter.take("mail", 10, WINDOW_MS, now)
}

function parallel<T>(count: number, run: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => run(index)))
}

function isAllowed(begun: Begun): boolean {
  return "ticket" in begun
}

function rows(): Promise<number> {
  return runInDurableObject(
    limiter,
    (_, state) => state.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM attempts").one().n,
  )
}

function tables(): Promise<string[]> {
  return runInDurableObject(limiter, (_, state) =>
    state.storage.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray()
      .map(({ name }) => name),
  )
}

function stored(): Promise<string[]> {
  return runInDurableObject(limiter, (_, state) => [...state.storage.kv.list()].map(([key]) => key))
}

/** Milliseconds, by this machine's clock. */
function alarmIn(): Promise<number> {
  return runInDurableObject(limiter, async (_, state) => (await state.storage.getAlarm())! - Date.now())
}
