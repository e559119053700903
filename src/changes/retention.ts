/** Old changes are removed, but never one that somebody still needs. */

import type { Query } from "../db/query.ts"

/** A client that comes back later gets a fresh snapshot. */
export const KEPT_MS = 7 * 24 * 3_600_000
/** Rows at a time: D1 does nothing else meanwhile. */
export const PRUNE_STEP = 1_000

/**
 * Removes some of the changes that are older than `keptSince`, never one at or after `leastCursor`, and never the
 * newest: the next would get its number. The row that it returns says how many it removed.
 */
export function pruneQueries(keptSince: number, leastCursor: number): Query[] {
  return [
    {
      sql: `DELETE FROM _changes WHERE seq IN (SELECT seq FROM _changes
WHERE at < ?1 AND seq < min(?2, (SELECT max(seq) FROM _changes)) ORDER BY at LIMIT ${PRUNE_STEP})`,
      params: [keptSince, leastCursor],
    },
    { sql: "SELECT changes() AS pruned", params: [] },
  ]
}
