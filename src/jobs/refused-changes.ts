/** Changes that a sink of the feed refused: dead letters, which hand the change to the sink again. */

import type { Sink } from "../changes/sink.ts"
import type { Change } from "../core/change.ts"
import type { Query } from "../db/query.ts"
import { newId } from "../schema/record-columns.ts"
import { type JobDefinition, resolveLimits } from "./definition.ts"

/** The change itself is kept: `_changes` may be pruned by the time that somebody looks. */
export function buryQuery(sink: string, change: Change, error: unknown, now: number): Query {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined }
  const entry = { attempt: 1, at: now, durationMs: 0, message, stack: stack ?? null }
  return {
    sql: `INSERT INTO _jobs (id, name, state, input, attempts, max_attempts, run_at, errors, created_at, started_at, finished_at)
VALUES (?1, ?2, 'dead', ?3, 1, 1, ?4, ?5, ?4, ?4, ?4)`,
    params: [newId(), jobName(sink), JSON.stringify(change), now, JSON.stringify([entry])],
  }
}

export function refusedChangeJob(sink: Sink): JobDefinition {
  return {
    ...resolveLimits(jobName(sink.name), {}),
    check: (input) => input,
    uniqueKey: undefined,
    run: (input) => sink.retake(input as Change),
  }
}

function jobName(sink: string): string {
  return `feed:${sink}`
}
