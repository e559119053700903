/** Whatever is written, whoever watches, and whatever breaks: each client holds what its list gives. */

import fc from "fast-check"
import { test } from "vitest"
import { runs, TIMEOUT } from "../property/runs.ts"
import { World } from "./model.ts"
import { type Story, stories } from "./model-commands.ts"

test(
  "after every step each client's picture is its list",
  async () => {
    const property = fc.asyncProperty(stories, async (story) => {
      const world = await World.begin(story)
      try {
        await world.rest()
        for (const step of story.steps) {
          for (const command of step) await world.happen(command)
          await world.rest()
        }
        await world.gather()
        await world.rest()
      } finally {
        await world.end()
      }
    })
    await fc.assert(property, { ...runs<[Story]>(16, 500), endOnFailure: true })
  },
  2 * TIMEOUT,
)
