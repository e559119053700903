import fc from "fast-check"
import { expect, test } from "vitest"
import { runs, TIMEOUT } from "../../test/property/runs.ts"
import { compileClasses } from "./classes.ts"
import type { Rule } from "./gcra.ts"
import { type Account, type Ask, decide, forgottenAt } from "./leases.ts"
import { createRates, type Verdict } from "./rates.ts"

interface Step {
  readonly isolate: number
  readonly cost: number
  readonly waitMs: number
}

const START = Date.UTC(2026, 10, 20, 12)
const SECONDS = 1000

const rule = fc.record({
  limit: fc.integer({ min: 1, max: 400 }),
  windowS: fc.integer({ min: 1, max: 90 }),
  burst: fc.integer({ min: 1, max: 400 }),
})
const waitMs = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 50 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 5 * SECONDS }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 60 * SECONDS }) },
)
const cost = fc.oneof(
  { weight: 5, arbitrary: fc.constant(1) },
  { arbitrary: fc.integer({ min: 1, max: 40 }), weight: 1 },
)

/** What passed so far and may pass now, from all the times and costs since the beginning. */
function isWithin(passed: readonly { at: number; cost: number }[], { limit, windowMs, burst }: Rule): boolean {
  let sum = 0
  const last = passed.at(-1)
  return passed.toReversed().every(({ at, cost }) => {
    sum += cost
    return sum * windowMs <= burst * windowMs + (last!.at - at) * limit
  })
}

function stepsOf(isolates: number): fc.Arbitrary<Step[]> {
  const step = fc.record({ isolate: fc.integer({ min: 0, max: isolates - 1 }), cost, waitMs })
  return fc.array(step, { minLength: 50, maxLength: 400, size: "max" })
}

test(
  "one isolate lets pass exactly what fits into the limit, whatever it has on lease",
  async () => {
    const property = fc.asyncProperty(rule, stepsOf(1), async (declared, steps) => {
      const world = open(declared, 1)
      for (const step of steps) {
        const verdict = await world.take(step)
        expect(verdict.passes).toBe(world.wouldFit(step.cost, 0))
        if (verdict.passes) world.note(step.cost)
      }
    })
    await fc.assert(property, runs(300, 20_000))
  },
  TIMEOUT,
)

test(
  "many isolates together never let pass more, and refuse at most a lease early for each but one",
  async () => {
    const worlds = fc
      .integer({ min: 2, max: 6 })
      .chain((isolates) => fc.tuple(fc.constant(isolates), stepsOf(isolates)))
    const property = fc.asyncProperty(rule, worlds, async (declared, [isolates, steps]) => {
      const world = open(declared, isolates)
      const early = (isolates - 1) * Math.floor(Math.min(declared.limit, declared.burst) / 20)
      for (const step of steps) {
        const verdict = await world.take(step)
        if (verdict.passes) expect(world.wouldFit(step.cost, 0)).toBe(true)
        else expect(world.wouldFit(step.cost, early)).toBe(false)
        if (verdict.passes) world.note(step.cost)
      }
    })
    await fc.assert(property, runs(300, 20_000))
  },
  TIMEOUT,
)

test(
  "who waits as long as the refusal says passes",
  async () => {
    const worlds = fc
      .integer({ min: 1, max: 4 })
      .chain((isolates) => fc.tuple(fc.constant(isolates), stepsOf(isolates)))
    const property = fc.asyncProperty(rule, worlds, async (declared, [isolates, steps]) => {
      const world = open(declared, isolates)
      for (const step of steps) {
        const cheap = { ...step, cost: Math.min(step.cost, declared.burst) }
        const verdict = await world.take(cheap)
        if (verdict.passes) continue
        expect(verdict.limit).toMatch(new RegExp(`;t=${verdict.retryAfterS}$`))
        expect(leftOf(verdict)).toBeLessThan(cheap.cost)
        expect((await world.take({ ...cheap, waitMs: verdict.retryAfterS * SECONDS })).passes).toBe(true)
      }
    })
    await fc.assert(property, runs(150, 10_000))
  },
  TIMEOUT,
)

test("no new lease is given while an old one is told so late that both could be missing", async () => {
  const world = open({ limit: 400, windowS: 40 }, 2)
  for (let i = 0; i < 21; i++) await world.take({ isolate: 0, cost: 1, waitMs: 0 })
  await world.take({ isolate: 1, cost: 1, waitMs: 10 * SECONDS })
  await world.take({ isolate: 0, cost: 1, waitMs: 0 })
  let more = 0
  while ((await world.take({ isolate: 1, cost: 1, waitMs: 0 })).passes) more++
  expect(more).toBeGreaterThanOrEqual(400 - 2 - 20)
})

test("a steady caller under half its limit needs a call for at most one request in ten", async () => {
  for (const perSecond of [0.4, 1, 2, 3, 4.9]) {
    const world = open({ limit: 600, windowS: 60 }, 1)
    for (let i = 0; i < 300; i++) {
      expect((await world.take({ isolate: 0, cost: 1, waitMs: SECONDS / perSecond })).passes).toBe(true)
    }
    expect(world.calls()).toBeLessThanOrEqual(30)
  }
})

test(
  "nothing is left to remember of a caller when the debt has drained and the leases have ended",
  async () => {
    const property = fc.asyncProperty(rule, stepsOf(3), async (declared, steps) => {
      const world = open(declared, 3)
      for (const step of steps) await world.take(step)
      const account = world.account()
      if (!account) return
      const kept = decide(
        account,
        world.rule,
        { costs: [declared.burst], report: undefined },
        world.endOf(account),
        "x",
      )
      expect(kept.answer.waits).toEqual([0])
    })
    await fc.assert(property, runs(100, 5_000))
  },
  TIMEOUT,
)

test("a refusal that is told late doesn't say that the request would have passed", async () => {
  const world = open({ limit: 60, windowS: 60 }, 1, 5 * SECONDS)
  const verdicts = await Promise.all(Array.from({ length: 70 }, () => world.take({ isolate: 0, cost: 1, waitMs: 0 })))
  const refusals = verdicts.filter(({ passes }) => !passes)
  expect(refusals.length).toBeGreaterThan(0)
  expect(refusals.every((verdict) => leftOf(verdict) === 0)).toBe(true)
})

test("an isolate remembers 10,000 callers, and forgets the oldest first", async () => {
  const world = open({ limit: 100, windowS: 60 }, 1)
  const take = (name: string) => world.take({ isolate: 0, cost: 1, waitMs: 0 }, name)
  for (let i = 0; i < 10_000; i++) await take(`caller ${i}`)
  const calls = world.calls()
  await take("caller 9999")
  await take("caller 0")
  expect(world.calls()).toBe(calls)
  await take("one more")
  await take("caller 1")
  expect(world.calls()).toBe(calls + 1)
  await take("caller 0")
  expect(world.calls()).toBe(calls + 2)
})

function leftOf({ limit }: Verdict): number {
  return Number(/r=(\d+)/.exec(limit!)![1])
}

/** @param delayMs What passes while the limiter is asked. */
function open(declared: { limit: number; windowS: number; burst?: number }, isolates: number, delayMs = 0) {
  const limits = compileClasses({ own: declared }).get("own")!
  const passed: { at: number; cost: number }[] = []
  let now = START
  let turns = 0
  let calls = 0
  const accounts = new Map<string, Account>()
  const namespace = {
    getByName: (name: string) => ({
      async spend(ask: Ask, rule: Rule, at: number) {
        calls++
        const decision = decide(accounts.get(name), rule, ask, at, String(++turns))
        if (decision.changed) accounts.set(name, decision.account)
        now += delayMs
        return decision.answer
      },
    }),
  }
  const log = () => expect.unreachable()
  const rates = Array.from({ length: isolates }, () => createRates({ namespace, now: () => now, log }))
  return {
    rule: limits.rule,
    account: () => accounts.get("rate:own:ada"),
    calls: () => calls,
    endOf: (last: Account) => forgottenAt(last, limits.rule),
    async take({ isolate, cost, waitMs }: Step, subject = "ada"): Promise<Verdict> {
      now += Math.floor(waitMs)
      return rates[isolate]!.spend(limits, subject, cost, { cost: { limiterCalls: 0 }, later: () => {} })
    },
    wouldFit: (cost: number, more: number) => isWithin([...passed, { at: now, cost: cost + more }], limits.rule),
    note: (cost: number) => passed.push({ at: now, cost }),
  }
}
