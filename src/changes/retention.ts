/** Old changes are removed, but never one that somebody still needs. */

import type { Query } from "../db/query.ts"
import type { Cursor } from "./cursor.ts"

/** A client that comes back later gets a fresh snapshot. */
export const KEPT_MS = 7 * 24 * 3_600_000
/** Rows at a time: D1 does nothing else meanwhile. */
export const PRUNE_STEP = 1_000

/**
 * Removes some of the changes that are older than `keptSince`: none at or after the cursor, none at all when that is of
 * another history, and never the newest, whose number the next would get. The last row says how many it removed.
 */
export function pruneQueries(keptSince: number, { seq, at, recordId }: Cursor): Query[] {
  return [
    {
      sql: `DELETE FROM _changes WHERE seq IN (SELECT seq FROM _changes
WHERE at < ?1 AND seq < min(?2, (SELECT max(seq) FROM _changes))
AND EXISTS (SELECT 1 FROM _changes WHERE seq = ?2 AND at = ?3 AND record_id = ?4) ORDER BY at LIMIT ${PRUNE_STEP})`,
      params: [keptSince, seq, at, recordId],
    },
    { sql: "SELECT changes() AS pruned", params: [] },
  ]
}
