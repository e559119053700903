/** Which locks an isolate has noted in the audit: one row for each, not one for each attempt that it refuses. */

import type { Clock } from "../core/clock.ts"

const NOTED_ONCE_IN_MS = 5 * 60_000
/** Locks that an isolate remembers. */
const MOST_REMEMBERED = 1_000

export interface LockNotes {
  /** Whether this lock hasn't been noted for a while; it counts as noted from now on. */
  isNew(lock: string): boolean
}

export function createLockNotes(now: Clock): LockNotes {
  const notedAt = new Map<string, number>()
  return {
    isNew(lock) {
      if (now() - (notedAt.get(lock) ?? Number.NEGATIVE_INFINITY) < NOTED_ONCE_IN_MS) return false
      notedAt.delete(lock)
      if (notedAt.size >= MOST_REMEMBERED) notedAt.delete(notedAt.keys().next().value!)
      notedAt.set(lock, now())
      return true
    },
  }
}
