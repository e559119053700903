/** Whatever the network does: what was acknowledged is there once, what was refused isn't, and lists show just that. */

import { setTimeout as wait } from "node:timers/promises"
import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createClient } from "../../src/client.ts"
import { FATES, FakeNetwork } from "./fake-network.ts"
import { type App, LONG, startApp } from "./lists-fixture.ts"
import { Network } from "./live-fixture.ts"
import { type Step, World } from "./network-world.ts"

/** Worlds that don't meet, on one server at the same time. */
const WORLDS = 8
const RUNS = LONG ? 100 : 1
const STEPS = 14

let app: App
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app?.stop())

const n = fc.nat(20)
const change = fc.record(
  { rank: fc.option(fc.integer({ min: 0, max: 5 })), done: fc.boolean(), score: fc.constantFrom(0.5, -1, null) },
  { requiredKeys: [] },
)
const write: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("create"), change }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("update"), n, change, withVersion: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("replace"), n, change }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("delete"), n }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("empty title", "same code", "old version"), n }) },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: write },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("batch"), steps: fc.array(write, { minLength: 1, maxLength: 4 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("somebody else"), n, change }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait"), ms: fc.constantFrom(0, 10, 100) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut") }) },
)
const fates = fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant("well" as const) }, fc.constantFrom(...FATES)), {
  minLength: 5,
  maxLength: 25,
})
const world = fc.record({ fates, steps: fc.array(step, { minLength: STEPS, maxLength: STEPS }) })

test(
  "writes happen once, in their order, or are refused, and each live list ends as the server's",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(world, { minLength: WORLDS, maxLength: WORLDS }), async (worlds) => {
        const faults = await Promise.all(worlds.map(live))
        expect(faults.flat()).toEqual([])
      }),
      { numRuns: RUNS, endOnFailure: true, unbiased: true, ...(!LONG && { seed: 3 }) },
    )
  },
  LONG ? 3_600_000 : 120_000,
)

async function live({ fates, steps }: { fates: (typeof FATES)[number][]; steps: Step[] }): Promise<string[]> {
  const wires = await Network.to(app.port)
  const air = new FakeNetwork(fates)
  const client = createClient(wires.url, { storage: "memory", fetch: air.fetch })
  const clean = createClient(app.url, { storage: "memory" })
  const own = await World.begin(client, clean)
  for (const step of steps) {
    if (step.kind === "cut") wires.cut()
    else if (step.kind === "wait") await wait(step.ms)
    else own.take(step)
  }
  await own.answered()
  air.isGood = true
  await air.settled()
  const faults = await own.faults()
  own.end()
  client.close()
  wires.close()
  return faults.map((fault) => `${fault}\n${JSON.stringify({ fates, steps })}`)
}
