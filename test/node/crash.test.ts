import { expect, test } from "vitest"
import { runCrash } from "./crash/run.ts"

test("nothing acknowledged is lost, no effect comes twice, and live clients miss nothing when the server is killed again and again", async () => {
  const limits = { kills: 3, writers: 4, subscribers: 4, mostServingMs: 1_200, patienceMs: 60_000 }
  const { violations, figures } = await runCrash({ ...limits, seed: 1, say: () => {} })
  expect(violations).toEqual([])
  expect(figures["changes that they were told"]).toBeGreaterThan(20)
  expect(figures["messages that they heard"]).toBeGreaterThan(20)
})
