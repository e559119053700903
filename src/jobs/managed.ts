/** A job as operators see it. */

import type { JobState } from "../core/job.ts"
import type { ResultRow } from "../db/query.ts"
import { LATEST } from "./enqueue.ts"
import { readJsonList, readJsonText } from "./json-text.ts"
import type { JobError } from "./row.ts"

/** Times are RFC 3339 text. */
export interface ManagedJob {
  readonly id: string
  readonly name: string
  readonly state: JobState
  readonly input: unknown
  readonly result: unknown
  readonly attempts: number
  readonly maxAttempts: number
  readonly runAt: string
  readonly startedAt: string | null
  readonly finishedAt: string | null
  /** The newest of `errors`. */
  readonly error: { readonly message: string; readonly stack: string | null } | null
  readonly errors: readonly (Omit<JobError, "at"> & { readonly at: string })[]
  readonly progress: { readonly done: number; readonly total: number } | null
  readonly traceId: string | null
  readonly createdAt: string
}

/** The columns that {@link toManagedJob} reads, of `_jobs`. */
export const MANAGED_COLUMNS = `id, name, state, input, result, attempts, max_attempts AS "maxAttempts", run_at AS "runAt",
started_at AS "startedAt", finished_at AS "finishedAt", errors, progress, trace_id AS "traceId", created_at AS "createdAt"`

export function toManagedJob(row: ResultRow): ManagedJob {
  const errors = readJsonList<JobError>(row.errors).map((error) => ({ ...error, at: toTime(error.at)! }))
  const [done, total] = readJsonList<number>(row.progress)
  return {
    id: row.id as string,
    name: row.name as string,
    state: row.state as JobState,
    input: shown(row.input),
    result: shown(row.result),
    attempts: row.attempts as number,
    maxAttempts: row.maxAttempts as number,
    runAt: toTime(row.runAt)!,
    startedAt: toTime(row.startedAt),
    finishedAt: toTime(row.finishedAt),
    error: newestOf(errors),
    errors,
    progress: done === undefined || total === undefined ? null : { done, total },
    traceId: row.traceId as string | null,
    createdAt: toTime(row.createdAt)!,
  }
}

function newestOf(errors: ManagedJob["errors"]): ManagedJob["error"] {
  const newest = errors.at(-1)
  return newest ? { message: newest.message, stack: newest.stack } : null
}

/** What is no JSON is shown as it is: somebody has to find out why. */
function shown(json: unknown): unknown {
  return readJsonText<unknown>(json, json)
}

/** @param ms Milliseconds since 1970; null for what isn't. */
export function toTime(ms: unknown): string | null {
  return typeof ms === "number" && Math.abs(ms) <= LATEST ? new Date(ms).toISOString() : null
}
