/** Reading `_changes` from one place on. */

import type { Query } from "../db/query.ts"

export const PAGE_CHANGES = 500
/** Bytes of the rows before and after; one change is read whatever its size. */
const PAGE_BYTES = 4_000_000

/** @param from The first change that is read, whether or not it is there. */
export function pageQuery(from: number, limit: number): Query {
  return {
    sql: `SELECT seq, table_name, record_id, op, "before", "after", at FROM (
  SELECT *, sum(octet_length(concat("before", "after"))) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes
  FROM (SELECT * FROM _changes WHERE seq >= ? ORDER BY seq LIMIT ?)
) WHERE (bytes < ${PAGE_BYTES}) IS NOT FALSE ORDER BY seq`,
    params: [from, limit],
  }
}
