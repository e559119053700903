/** A job as its row tells it. */

import type { JobState } from "../core/job.ts"
import type { ResultRow } from "../db/query.ts"

export interface JobError {
  readonly attempt: number
  /** When the attempt ended, in milliseconds since 1970. */
  readonly at: number
  readonly durationMs: number
  readonly message: string
  readonly stack: string | null
}

/** A job that this run holds the lease of. */
export interface ClaimedJob {
  readonly id: string
  readonly name: string
  readonly claim: string
  /** JSON; read by the attempt, so that one that can't be read fails alone. */
  readonly input: string
  /** This one included. */
  readonly attempts: number
  readonly maxAttempts: number
  readonly startedAt: number
  readonly orderKey: string | null
  readonly lane: string | null
  readonly traceId: string | null
  /** D1's, of the claim. */
  readonly bookmark: string | null
}

export const CLAIMED_COLUMNS = `id, name, claim, input, attempts, max_attempts AS "maxAttempts", started_at AS "startedAt",
order_key AS "orderKey", lane, trace_id AS "traceId"`

export function toClaimed(row: ResultRow, bookmark: string | null): ClaimedJob {
  return { ...row, bookmark } as unknown as ClaimedJob
}

export const OPEN_STATES: readonly JobState[] = ["queued", "running", "retrying"]
