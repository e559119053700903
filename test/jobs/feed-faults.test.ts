/** A sink that fails, hangs or refuses one change; a database that is away. */

import { beforeEach, describe, expect, test, vi } from "vitest"
import { MOST_REFUSALS } from "../../src/changes/feed.ts"
import type { Change } from "../../src/core/change.ts"
import { refusedChangeJob } from "../../src/jobs/refused-changes.ts"
import { count, createFeed, d1, emptyFeed, range, recorder, writeTeams } from "./feed-scenario.ts"

beforeEach(emptyFeed)

const nameOf = (change: Change) => (change.after ?? change.before)!.name

/** @returns A check that throws for a page with this change. */
function refusing(name: string) {
  return (changes: readonly Change[]) => {
    if (changes.some((change) => nameOf(change) === name)) throw new Error(`it refuses ${name}`)
  }
}

describe("a sink that fails", () => {
  test("holds up no other, and catches up from where it was", async () => {
    let isBroken = true
    const broken = recorder("broken", () => {
      if (isBroken) throw new Error("no")
    })
    const healthy = recorder("healthy")
    const scenario = createFeed([broken, healthy])
    for (const name of range(3)) {
      await writeTeams([name])
      await scenario.feed.drain()
    }
    expect(healthy.titles).toEqual(range(3))
    expect(broken.titles).toEqual([])
    expect(scenario.feed.status()).toMatchObject([{ seq: 0, failures: 1 }, { failures: 0 }])
    isBroken = false
    await scenario.settle()
    expect(broken.titles).toEqual(range(3))
    expect(healthy.pages.flat()).toHaveLength(3)
  })

  test("rests longer after each failure, at most 30 s, and is asked no earlier", async () => {
    const sink = recorder("broken", () => {
      throw new Error("no")
    })
    const { feed, alarms, advance, now, logged } = createFeed([sink])
    await writeTeams(["a"])
    const rests: number[] = []
    for (let failures = 0; failures < MOST_REFUSALS; failures++) {
      await feed.drain()
      rests.push(alarms.at(-1)! - now())
      advance(rests.at(-1)! - 1)
      await feed.drain()
      expect(sink.pages).toHaveLength(failures + 1)
      advance(1)
    }
    expect(rests).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000])
    expect(logged.at(-1)).toMatchObject({ level: "error", event: "sink_failed", sink: "broken", failures: 10 })
  })

  test("is woken by its own time, also when another's came first", async () => {
    const often = recorder("often", () => {
      throw new Error("no")
    })
    let isBroken = true
    const rarely = recorder("rarely", () => {
      if (isBroken) throw new Error("no")
    })
    const scenario = createFeed([often, rarely])
    await writeTeams(["a"])
    await scenario.feed.drain()
    isBroken = false
    scenario.alarms.length = 0
    await scenario.feed.drain()
    expect(scenario.alarms).toEqual([scenario.now() + 100, scenario.now() + 100])
    await scenario.settle()
    expect(rarely.titles).toEqual(["a"])
  })

  test("rests no longer when the clock was put back", async () => {
    let isBroken = true
    const sink = recorder("broken", () => {
      if (isBroken) throw new Error("no")
    })
    const { feed, advance } = createFeed([sink])
    await writeTeams(["a"])
    await feed.drain()
    isBroken = false
    advance(-3_600_000)
    await feed.drain()
    expect(sink.titles).toEqual(["a"])
  })
})

test("a sink that hangs has failed after a minute, and holds up no other", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  try {
    const entered = Promise.withResolvers<void>()
    const hanging = recorder("hanging", () => {
      entered.resolve()
      return new Promise(() => {})
    })
    const other = Promise.withResolvers<void>()
    const scenario = createFeed([hanging, recorder("healthy", () => other.resolve())])
    await writeTeams(["a"])
    const drained = scenario.feed.drain()
    await Promise.all([entered.promise, other.promise])
    vi.advanceTimersByTime(60_000)
    await drained
    expect(scenario.feed.status()).toMatchObject([{ failures: 1 }, { failures: 0 }])
    expect(scenario.logged[0]!.causes).toEqual(["Error: it took longer than 60000 ms"])
  } finally {
    vi.useRealTimers()
  }
})

describe("a change that a sink refuses", () => {
  test("is found among many, and is alone a dead letter that can be handed over again", async () => {
    const picky = recorder("picky", refusing("t17"))
    const healthy = recorder("healthy")
    const scenario = createFeed([picky, healthy])
    await writeTeams(range(40))
    await scenario.settle()
    expect(picky.titles).toEqual(range(40).filter((name) => name !== "t17"))
    expect(healthy.titles).toEqual(range(40))
    expect(scenario.feed.status()).toMatchObject([{ failures: 0 }, { failures: 0 }])
    const letters = await d1.prepare("SELECT name, state, input, errors, attempts FROM _jobs").all()
    expect(letters.results).toMatchObject([{ name: "feed:picky", state: "dead", attempts: 1 }])
    expect(JSON.parse(letters.results[0]!.errors as string)).toMatchObject([{ message: "it refuses t17" }])
    const kept = JSON.parse(letters.results[0]!.input as string)
    await refusedChangeJob(picky).run(kept, {} as never)
    expect(picky.taken.at(-1)).toEqual(healthy.taken[17])
  })

  test("holds up nothing after it, though it is too large to be kept whole", async () => {
    const wide = "w".repeat(1_000_000)
    const picky = recorder("picky", (changes) => {
      if (changes.some(({ op }) => op === "update")) throw new Error("it refuses updates")
    })
    const scenario = createFeed([picky])
    await writeTeams([wide])
    await d1.prepare("UPDATE teams SET name = 'v' || name").run()
    await writeTeams(["next"])
    await scenario.settle()
    expect(picky.titles.map((title) => String(title).length)).toEqual([wide.length, "next".length])
    const kept = (await d1.prepare("SELECT input FROM _jobs").first<string>("input"))!
    expect(kept.length).toBeLessThan(1_000)
    expect(JSON.parse(kept)).toMatchObject({ op: "update", table: "teams", before: null, after: null })
    await expect(async () => refusedChangeJob(picky).run(JSON.parse(kept), {} as never)).rejects.toThrow("too large")
  })

  test("costs ten refusals, not ten for each change before it", async () => {
    const picky = recorder("picky", refusing("t120"))
    const scenario = createFeed([picky])
    await writeTeams(range(130))
    await scenario.settle()
    expect(scenario.logged.filter(({ event }) => event === "sink_failed")).toHaveLength(MOST_REFUSALS)
    expect(picky.titles).toHaveLength(129)
    expect(await count("_jobs")).toBe(1)
  })

  test("is buried in the end, though the feed is started anew after each refusal", async () => {
    const picky = recorder("picky", refusing("t1"))
    await writeTeams(range(3))
    let scenario = createFeed([picky])
    for (let starts = 0; starts <= MOST_REFUSALS; starts++) {
      await scenario.feed.drain()
      const next = scenario.alarms.at(-1) ?? scenario.now()
      scenario = createFeed([picky], scenario.store, next)
    }
    expect(picky.titles).toEqual(["t0", "t2"])
    expect(await count("_jobs")).toBe(1)
  })

  test("is one dead letter, though the feed stops right after it was buried", async () => {
    const picky = recorder("picky", refusing("t0"))
    await writeTeams(["t0"])
    const scenario = createFeed([picky])
    let store = scenario.store
    for (let failures = 0; failures < MOST_REFUSALS; failures++) {
      await scenario.feed.drain()
      scenario.advance(30_000)
    }
    store = structuredClone(store)
    await scenario.feed.drain()
    expect(await count("_jobs")).toBe(1)
    await createFeed([picky], store, scenario.now()).feed.drain()
    expect(await count("_jobs")).toBe(1)
  })
})

describe("while the database is away", () => {
  test("nothing is lost, buried or asked for without a rest", async () => {
    const sink = recorder("all")
    const scenario = createFeed([sink])
    await writeTeams(["a"])
    scenario.isAway = true
    for (let failures = 1; failures <= 15; failures++) {
      await scenario.feed.drain()
      expect(scenario.feed.status()).toMatchObject([{ failures }])
      scenario.advance(30_000)
    }
    expect(scenario.asked).toHaveLength(30)
    scenario.isAway = false
    await scenario.settle()
    expect(sink.titles).toEqual(["a"])
    expect(sink.pages).toHaveLength(1)
    expect(scenario.feed.status()).toMatchObject([{ failures: 0 }])
    expect(await count("_jobs")).toBe(0)
  })

  test("one refusal more is not yet a dead letter", async () => {
    let isBroken = true
    const sink = recorder("shaky", () => {
      if (isBroken) throw new Error("no")
    })
    const scenario = createFeed([sink])
    await writeTeams(["a"])
    scenario.isAway = true
    for (let failures = 1; failures <= 12; failures++) {
      await scenario.feed.drain()
      scenario.advance(30_000)
    }
    scenario.isAway = false
    await scenario.feed.drain()
    isBroken = false
    await scenario.settle()
    expect(sink.titles).toEqual(["a"])
    expect(await count("_jobs")).toBe(0)
  })

  test("a change that should be buried waits", async () => {
    let breaksAtTake = false
    const picky = recorder("picky", (changes) => {
      scenario.isAway = breaksAtTake
      if (breaksAtTake) throw new Error("it writes there too")
      refusing("t1")(changes)
    })
    const scenario = createFeed([picky])
    await writeTeams(range(3))
    for (let failures = 0; failures < MOST_REFUSALS; failures++) {
      await scenario.feed.drain()
      scenario.advance(30_000)
    }
    breaksAtTake = true
    await scenario.feed.drain()
    expect(picky.pages.at(-1)).toHaveLength(1)
    expect(scenario.feed.status()).toMatchObject([{ seq: 0, failures: MOST_REFUSALS + 1 }])
    expect(await count("_jobs")).toBe(0)
    breaksAtTake = false
    scenario.isAway = false
    await scenario.settle()
    expect(picky.titles).toEqual(["t0", "t2"])
    expect(await count("_jobs")).toBe(1)
  })
})
