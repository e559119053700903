import { expect, test } from "vitest"
import { createWaker } from "./waker.ts"

/** The clock stands still, so that however slow the machine is, all come at the same time. */
const now = () => 1_000_000

test("the first write wakes the feed; a hundred together after it share one more wake, sent after the last of them", async () => {
  let written = 0
  const seen: number[] = []
  const wake = createWaker(async () => {
    seen.push(written)
  }, now)
  const write = () => {
    written++
    return wake()
  }
  await write()
  await Promise.all(Array.from({ length: 100 }, write))
  expect(seen).toEqual([1, 101])
})

test("a wake that fails holds up no later one", async () => {
  let isAway = true
  let woken = 0
  const wake = createWaker(async () => {
    if (isAway) throw new Error("away")
    woken++
  }, now)
  await expect(wake()).rejects.toThrow("away")
  isAway = false
  await wake()
  expect(woken).toBe(1)
})
