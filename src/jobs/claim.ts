/** Taking jobs: one statement gives this run their leases, whoever else got the same message. */

import type { Query } from "../db/query.ts"
import { CLAIMED_COLUMNS } from "./row.ts"

/** A run renews its lease while it lives; one that stopped renewing has crashed. */
export const LEASE_MS = 15_000
/** The clock of the machine that sent a message may be ahead of ours by so much. */
const SKEW_MS = 1_000

/**
 * Of the jobs named, those that wait, are due, are first in their order and have room in their lane. A second claim of
 * the same job finds it running.
 */
export function claimQuery(ids: readonly string[], claim: string, now: number): Query {
  return {
    sql: `UPDATE _jobs SET state = 'running', claim = ?2, attempts = attempts + 1, started_at = ?3, due_at = ?3 + ${LEASE_MS}, progress = NULL
WHERE id IN (SELECT id FROM (
  SELECT j.id, j.lane_width AS width,
    iif(j.lane IS NULL, 0, (SELECT count(*) FROM _jobs r WHERE r.lane = j.lane AND r.state = 'running' AND r.finished_at IS NULL)) AS running,
    row_number() OVER (PARTITION BY j.lane ORDER BY j.run_at, j.id) AS place
  FROM json_each(?1) wanted CROSS JOIN _jobs j ON j.id = wanted.value
  WHERE j.state IN ('queued', 'retrying') AND j.run_at <= max(?3 + ${SKEW_MS}, j.created_at) AND (j.order_key IS NULL OR NOT EXISTS (
    SELECT 1 FROM _jobs e WHERE e.order_key = j.order_key AND e.finished_at IS NULL AND e.position < j.position))
) WHERE width IS NULL OR running + place <= width)
RETURNING ${CLAIMED_COLUMNS}`,
    params: [JSON.stringify(ids), claim, now],
  }
}

/** No row means that the lease is gone: the job was cancelled, or it expired. */
export function renewQuery(
  id: string,
  claim: string,
  now: number,
  progress: readonly [number, number] | undefined,
): Query {
  return {
    sql: `UPDATE _jobs SET due_at = ?3 + ${LEASE_MS}, progress = coalesce(?4, progress) WHERE id = ?1 AND claim = ?2 AND state = 'running' RETURNING id`,
    params: [id, claim, now, progress ? JSON.stringify(progress) : null],
  }
}
