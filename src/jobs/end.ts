/** How an attempt ends: what is written, and which jobs may run because of it. */

import { JobFailure } from "../core/job.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { LONGEST_BACKOFF_MS } from "./definition.ts"
import { toJobError } from "./job-error.ts"
import type { ClaimedJob, JobError } from "./row.ts"

/** Of all attempts, so many errors are kept. */
const MOST_ERRORS = 20
/** Of input and errors: a row of D1 holds 2 MB, and the input of a reaction is as large as what was written. */
const MOST_ROW_BYTES = 1_500_000
/**
 * Jobs of a lane that one write tells the queue of, in each of their two states; no batch ends more. Where there is room
 * for more, most of them have their messages.
 */
const MOST_RELEASED = 10
/** Times that JavaScript and SQL can hold. */
const LONGEST_WAIT_MS = 100 * 365 * 24 * 3_600_000

export type Ending =
  | { state: "succeeded"; result: string }
  | { state: "retrying"; runAt: number; error: JobError }
  | { state: "dead"; error: JobError }

export interface EndedAttempt {
  readonly job: ClaimedJob
  readonly ending: Ending
}

/**
 * One statement for all of them; it writes nothing where the lease is gone, and gives the ids of those that it wrote.
 * The rows of the others are jobs that may run because of it.
 */
export function endQueries(ended: readonly EndedAttempt[], now: number): Query[] {
  const entries = ended.map(({ job, ending }) => [
    ...[job.id, job.claim, ending.state, ending.state === "retrying" ? null : now],
    ...[ending.state === "retrying" ? ending.runAt : null, ending.state === "succeeded" ? ending.result : null],
    "error" in ending ? JSON.stringify(ending.error) : null,
  ])
  const orders = new Set(ended.flatMap(({ job }) => job.orderKey ?? []))
  const lanes = new Set(ended.flatMap(({ job }) => job.lane ?? []))
  return [
    {
      sql: `UPDATE _jobs SET state = e.value ->> 2, claim = NULL, finished_at = e.value ->> 3, due_at = e.value ->> 4,
run_at = coalesce(e.value ->> 4, run_at), result = e.value ->> 5, errors = ${appendError("(e.value ->> 6)")}
FROM json_each(?1) e WHERE _jobs.id = e.value ->> 0 AND _jobs.claim = e.value ->> 1 AND _jobs.state = 'running' RETURNING _jobs.id AS id`,
      params: [JSON.stringify(entries)],
    },
    ...[...orders].flatMap((orderKey) => releaseQueries({ orderKey, lane: null }, now)),
    ...[...lanes].flatMap((lane) => releaseQueries({ orderKey: null, lane }, now)),
  ]
}

/**
 * SQL of the errors with one more, the oldest left out; all of them where the row would be too large. Those that can't be
 * read are replaced: a statement that writes many rows must not fail for one.
 */
export function appendError(error: string): string {
  const isLost = `NOT json_valid(errors) OR json_type(errors) <> 'array' OR octet_length(input) + octet_length(errors) > ${MOST_ROW_BYTES}`
  const kept = `CASE WHEN ${isLost} THEN '[]' WHEN json_array_length(errors) >= ${MOST_ERRORS} THEN json_remove(errors, '$[0]') ELSE errors END`
  return `iif(${error} IS NULL, errors, json_insert(${kept}, '$[#]', json(${error})))`
}

/** The jobs that waited for this one: the next of its order, and as many of its lane as there is room for. */
export function releaseQueries({ orderKey, lane }: Pick<ClaimedJob, "orderKey" | "lane">, now: number): Query[] {
  return [
    ...(orderKey === null
      ? []
      : [
          {
            sql: `SELECT id FROM _jobs WHERE order_key = ?1 AND finished_at IS NULL AND state IN ('queued', 'retrying') AND run_at <= ?2
ORDER BY position LIMIT 1`,
            params: [orderKey, now],
          },
        ]),
    ...(lane === null ? [] : [{ sql: LANE_RELEASE, params: [lane, now] }]),
  ]
}

/** One whose earlier one of the same order hasn't ended would take the room and not run. */
function waitingInLane(state: "queued" | "retrying"): string {
  const room = `coalesce((SELECT lane_width FROM _jobs WHERE lane = ?1 AND finished_at IS NULL LIMIT 1), 0)
  - (SELECT count(*) FROM _jobs WHERE lane = ?1 AND state = 'running' AND finished_at IS NULL)`
  return `SELECT id FROM (SELECT id FROM _jobs j WHERE lane = ?1 AND state = '${state}' AND finished_at IS NULL AND run_at <= ?2
AND (order_key IS NULL OR NOT EXISTS (SELECT 1 FROM _jobs e WHERE e.order_key = j.order_key AND e.finished_at IS NULL AND e.position < j.position))
ORDER BY run_at LIMIT max(0, min(${MOST_RELEASED}, ${room})))`
}

/** Each half reads its index in order, and stops when the room is taken. */
const LANE_RELEASE = `${waitingInLane("retrying")} UNION ALL ${waitingInLane("queued")}`

export function releasedIds(rows: readonly ResultRow[][]): string[] {
  return [...new Set(rows.flat().map((row) => row.id as string))]
}

/** @param random 0 to 1, so that jobs that failed together don't all come back together. */
export function failureEnding(
  job: ClaimedJob,
  error: unknown,
  { now, backoffMs, random }: { now: number; backoffMs: (failures: number) => number; random: number },
): Ending {
  const entry = toJobError(job, error, now)
  const isFinal = error instanceof JobFailure && error.final
  if (isFinal || job.attempts >= job.maxAttempts) return { state: "dead", error: entry }
  const told = error instanceof JobFailure ? error.retryAfterMs : undefined
  const waitMs = told ?? backoffOf(backoffMs, job.attempts) * (0.8 + 0.4 * random)
  return { state: "retrying", runAt: now + bounded(waitMs), error: entry }
}

/** A rule of the application's own may throw. */
function backoffOf(rule: (failures: number) => number, failures: number): number {
  try {
    return rule(failures)
  } catch {
    return Number.NaN
  }
}

/** What is no length of time would leave the job without a time to run at. */
function bounded(waitMs: number): number {
  if (typeof waitMs !== "number" || Number.isNaN(waitMs)) return LONGEST_BACKOFF_MS
  return Math.round(Math.min(LONGEST_WAIT_MS, Math.max(0, waitMs)))
}
