/** Removes jobs that ended long ago. Dead letters stay until somebody discards them. */

import type { Query } from "../db/query.ts"

const DAY_MS = 24 * 3_600_000
export const ENDED_KEPT_MS = 7 * DAY_MS
/** Rows at a time. */
const STEP = 500

export function sweepJobs(now: number): Query[] {
  return [
    {
      sql: `DELETE FROM _jobs WHERE id IN (SELECT id FROM _jobs
WHERE finished_at <= ? AND state IN ('succeeded', 'cancelled') ORDER BY finished_at LIMIT ${STEP})`,
      params: [now - ENDED_KEPT_MS],
    },
  ]
}
