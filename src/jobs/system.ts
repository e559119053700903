/** What jobs are made of in one isolate. */

import type { Clock } from "../core/clock.ts"
import { Database } from "../db/database.ts"
import type { Query, ResultRow } from "../db/query.ts"
import type { JobDefinitions } from "./definition.ts"
import type { ClockStub, DispatchState, JobQueue } from "./dispatch.ts"
import type { Schedules } from "./schedules.ts"

export interface JobSystem {
  readonly d1: D1Database
  readonly queue: JobQueue
  readonly clock: ClockStub
  readonly state: DispatchState
  readonly definitions: JobDefinitions
  readonly schedules: Schedules
  readonly now: Clock
  /** Whether this is a developer's machine, whose queue hands over one batch after the other. */
  readonly isLocal: boolean
  readonly log: (line: Record<string, unknown> & { level: "info" | "error" }) => void
}

/** Each attempt has a D1 session of its own; all of them begin at the primary. */
export function writeJobs({ d1 }: Pick<JobSystem, "d1">, queries: readonly Query[]): Promise<ResultRow[][]> {
  return new Database(d1).write(queries)
}
