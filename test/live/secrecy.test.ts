/** A subscriber never receives a field or record that its caller may not read. */

import fc from "fast-check"
import { expect, test } from "vitest"
import { runs, TIMEOUT } from "../property/runs.ts"
import { type Story, stories } from "./secrecy-commands.ts"
import { SecrecyWorld } from "./secrecy-world.ts"

test(
  "whatever the rules, whatever is written and whoever comes, goes and changes, nobody is told what it may not read",
  async () => {
    let told = 0
    const property = fc.asyncProperty(stories, async (story) => {
      const world = await SecrecyWorld.begin(story)
      try {
        for (const step of story.steps) {
          for (const command of step) await world.happen(command)
          await world.rest()
        }
      } finally {
        await world.end()
      }
      expect(world.leaks).toEqual([])
      told += world.told
    })
    await fc.assert(property, { ...runs<[Story]>(6, 500), endOnFailure: true })
    expect(told).toBeGreaterThan(100)
  },
  2 * TIMEOUT,
)
