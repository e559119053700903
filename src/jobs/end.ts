/** How an attempt ends: what is written, and which jobs may run because of it. */

import { JobFailure } from "../core/job.ts"
import type { Query, ResultRow } from "../db/query.ts"
import type { ClaimedJob, JobError } from "./row.ts"

/** Of all attempts, so many errors are kept. */
const MOST_ERRORS = 20
const MOST_MESSAGE_CHARS = 2_000
const MOST_STACK_CHARS = 8_000
export const MOST_RESULT_BYTES = 64 * 1024
/** Jobs of a lane that are told at a time that there is room. */
const MOST_RELEASED = 10

export type Ending =
  | { state: "succeeded"; result: string }
  | { state: "retrying"; runAt: number; error: JobError }
  | { state: "dead"; error: JobError }

/** Writes nothing when the lease is gone. The rows of the first statement tell. */
export function endQueries({ id, claim, orderKey, lane }: ClaimedJob, ending: Ending, now: number): Query[] {
  const isFinal = ending.state !== "retrying"
  return [
    {
      sql: `UPDATE _jobs SET state = ?3, claim = NULL, finished_at = ?4, due_at = ?5, run_at = coalesce(?5, run_at), result = ?6,
errors = ${appendError("?7")} WHERE id = ?1 AND claim = ?2 AND state = 'running' RETURNING id`,
      params: [
        ...[id, claim, ending.state, isFinal ? now : null],
        ...[ending.state === "retrying" ? ending.runAt : null, ending.state === "succeeded" ? ending.result : null],
        "error" in ending ? JSON.stringify(ending.error) : null,
      ],
    },
    ...releaseQueries({ orderKey, lane }, now),
  ]
}

/** SQL of the errors with one more, the oldest left out. */
export function appendError(error: string): string {
  return `iif(${error} IS NULL, errors, json_insert(iif(json_array_length(errors) >= ${MOST_ERRORS}, json_remove(errors, '$[0]'), errors), '$[#]', json(${error})))`
}

/** The jobs that waited for this one: the next of its order, and some of its lane. */
export function releaseQueries({ orderKey, lane }: Pick<ClaimedJob, "orderKey" | "lane">, now: number): Query[] {
  const waiting = "finished_at IS NULL AND state IN ('queued', 'retrying') AND run_at <= ?2"
  return [
    ...(orderKey === null
      ? []
      : [
          {
            sql: `SELECT id FROM _jobs WHERE order_key = ?1 AND ${waiting} ORDER BY position LIMIT 1`,
            params: [orderKey, now],
          },
        ]),
    ...(lane === null
      ? []
      : [
          {
            sql: `SELECT id FROM _jobs WHERE lane = ?1 AND ${waiting} ORDER BY run_at LIMIT ${MOST_RELEASED}`,
            params: [lane, now],
          },
        ]),
  ]
}

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
  const waitMs = told ?? backoffMs(job.attempts) * (0.8 + 0.4 * random)
  return { state: "retrying", runAt: now + Math.max(0, Math.round(waitMs)), error: entry }
}

function toJobError({ attempts, startedAt }: ClaimedJob, error: unknown, now: number): JobError {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined }
  return {
    attempt: attempts,
    at: now,
    durationMs: now - startedAt,
    message: message.slice(0, MOST_MESSAGE_CHARS),
    stack: stack?.slice(0, MOST_STACK_CHARS) ?? null,
  }
}
