/** Changes that a sink of the feed refused: dead letters, which hand the change to the sink again. */

import type { Sink } from "../changes/sink.ts"
import type { Change } from "../core/change.ts"
import { JobFailure } from "../core/job.ts"
import type { Query } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"
import { type JobDefinition, resolveLimits } from "./definition.ts"
import { toJobError } from "./job-error.ts"

/** A row of D1 holds 2 MB, and the error stands beside the change. */
const MOST_CHANGE_BYTES = 1_900_000

/**
 * The change itself is kept: `_changes` may be pruned by the time that somebody looks. After a crash it is buried again,
 * and still is one dead letter.
 */
export function buryQuery(sink: string, change: Change, error: unknown, now: number): Query {
  const entry = toJobError({ attempts: 1, startedAt: now }, error, now)
  return {
    sql: `INSERT INTO _jobs (id, name, state, input, attempts, max_attempts, run_at, errors, created_at, started_at, finished_at)
SELECT ?1, ?2, 'dead', ?3, 1, 1, ?4, ?5, ?4, ?4, ?4 WHERE NOT EXISTS (SELECT 1 FROM _jobs WHERE name = ?2 AND input = ?3)`,
    params: [newId(), jobName(sink), kept(change), now, JSON.stringify([entry])],
  }
}

export function refusedChangeJob(sink: Sink): JobDefinition {
  return {
    ...resolveLimits(jobName(sink.name), {}),
    check: (input) => input,
    uniqueKey: undefined,
    async run(input) {
      const change = input as Change
      if (!change.before && !change.after)
        throw new JobFailure("the change was too large to be kept: read its record instead", { final: true })
      await sink.retake(change)
    },
  }
}

/** Without its rows where it is too large: what can't be buried would hold up all after it. */
function kept(change: Change): string {
  const whole = JSON.stringify(change)
  if (new TextEncoder().encode(whole).length <= MOST_CHANGE_BYTES) return whole
  return JSON.stringify({ ...change, before: null, after: null } satisfies Change)
}

function jobName(sink: string): string {
  return `feed:${sink}`
}
