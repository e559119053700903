import { expect, test } from "vitest"
import { runCrash } from "./crash/run.ts"

test("nothing acknowledged is lost, and no effect comes twice, when the server is killed again and again", async () => {
  const limits = { kills: 3, writers: 4, mostServingMs: 1_200, patienceMs: 60_000 }
  const { violations, figures } = await runCrash({ ...limits, seed: 1, say: () => {} })
  expect(violations).toEqual([])
  expect(figures["writes acknowledged"]).toBeGreaterThan(20)
})
