/** Removes jobs that ended long ago. Dead letters stay until somebody discards them. */

import type { Query } from "../db/query.ts"

const DAY_MS = 24 * 3_600_000
export const ENDED_KEPT_MS = 7 * DAY_MS
/** Rows at a time: with a sweep every ten minutes it keeps up with eight jobs a second. */
const STEP = 5_000

/** The last run of a schedule stays, however rarely it comes. */
export function sweepJobs(now: number): Query[] {
  return [
    {
      sql: `DELETE FROM _jobs WHERE id IN (SELECT id FROM _jobs
WHERE state IN ('succeeded', 'cancelled') AND finished_at <= ?
AND id NOT IN (SELECT last_job_id FROM _schedules WHERE last_job_id IS NOT NULL) LIMIT ${STEP})`,
      params: [now - ENDED_KEPT_MS],
    },
  ]
}
