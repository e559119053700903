/** Wakes of the feed out of one isolate: after a write at once, under load one for many writes. */

import type { Clock } from "../core/clock.ts"
import { wait } from "../core/wait.ts"

const GATHER_MS = 20

/** @param wake Reaches the feed; each wake that is left out has one after it. */
export function createWaker(wake: () => Promise<void>, now: Clock): () => Promise<void> {
  let sentAt = 0
  /** One that is sent then sees what is committed before. Once the time has passed nobody relies on it. */
  let plannedAt = 0
  return async () => {
    const time = now()
    if (plannedAt > time && plannedAt <= time + GATHER_MS) return
    const waitMs = Math.min(GATHER_MS, sentAt + GATHER_MS - time)
    if (waitMs > 0) {
      plannedAt = time + waitMs
      await wait(waitMs)
    }
    sentAt = now()
    plannedAt = 0
    await wake()
  }
}
