/** Sinks that fail at random, feeds that stop at random: each change takes effect once, in order. */

import fc from "fast-check"
import { beforeEach, expect, test } from "vitest"
import type { Reading } from "../../src/changes/sink.ts"
import type { Change } from "../../src/core/change.ts"
import { createFeed, d1, emptyFeed, type Recorder, range, recorder, writeTeams } from "../jobs/feed-scenario.ts"
import { runs, TIMEOUT } from "./runs.ts"

beforeEach(emptyFeed)

/** What happens, one after the other; `stop` starts the feed anew from what it kept a moment before. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("write" as const), count: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 4, arbitrary: fc.constant({ kind: "drain" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "drains" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "stop" as const }) },
)
/** One in three is a failure: before anything is taken, or after all of it. */
const luck = fc.array(fc.constantFrom("fine", "fine", "fine", "fine", "before", "after"), {
  minLength: 20,
  maxLength: 60,
})

test(
  "whatever fails or stops, every sink gets every change in order, once in effect",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 15 }), luck, luck, async (steps, one, other) => {
        await emptyFeed()
        const sinks = [unlucky("one", one), unlucky("other", other), recorder("healthy")]
        let scenario = createFeed(sinks)
        let kept = structuredClone(scenario.store)
        let written = 0
        for (const { kind, ...rest } of steps) {
          if (kind === "write") {
            const { count } = rest as { count: number }
            await writeTeams(range(count).map((_, n) => `t${written + n}`))
            written += count
          } else if (kind === "stop") {
            scenario = createFeed(sinks, kept, scenario.now())
          } else {
            kept = structuredClone(scenario.store)
            await Promise.all(Array.from({ length: kind === "drains" ? 3 : 1 }, () => scenario.feed.drain()))
            scenario.advance(kind === "drains" ? 150 : 50)
          }
        }
        await scenario.settle()
        for (const sink of sinks) expect(sink.titles).toEqual(range(written))
        expect(scenario.feed.status().map(({ failures }) => failures)).toEqual([0, 0, 0])
        expect(await d1.prepare("SELECT count(*) AS n FROM _jobs").first("n")).toBe(0)
      }),
      runs(30, 2_000),
    )
  },
  TIMEOUT,
)

/** Never ten times in a row: luck runs out, and starts over. */
function unlucky(name: string, lot: readonly string[]): Recorder {
  const sink = recorder(name)
  const take = sink.take.bind(sink)
  let turn = 0
  let inRow = 0
  return Object.defineProperty(sink, "take", {
    value: async (changes: readonly Change[], reading: Reading) => {
      const fate = inRow >= 8 ? "fine" : lot[turn++ % lot.length]
      inRow = fate === "fine" ? 0 : inRow + 1
      if (fate === "before") throw new Error("bad luck, nothing is taken")
      await take(changes, reading)
      if (fate === "after") throw new Error("bad luck, all of it is taken")
    },
  })
}
