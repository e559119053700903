import type { Collections } from "../access/model.ts"
import type { Caller } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import type { Enqueue } from "../core/job.ts"
import type { Database } from "../db/database.ts"

/** What every operation on records needs: who asks, of which collections, where and when. */
export interface RecordsContext {
  readonly collections: Collections
  readonly caller: Caller
  readonly db: Database
  readonly now: Clock
  readonly enqueue: Enqueue
}
