/** Reading `_changes` from one place on. */

import type { Change } from "../core/change.ts"
import type { Query, ResultRow } from "../db/query.ts"
import type { Cursor } from "./cursor.ts"
import { toChange } from "./read-change.ts"

export const PAGE_CHANGES = 500
/** Bytes of the rows before and after; one change is read whatever its size. */
const PAGE_BYTES = 4_000_000

const NEWEST: Query = {
  sql: "SELECT max(seq) AS seq, (SELECT value FROM _meta WHERE key = 'epoch') AS epoch FROM _changes",
  params: [],
}

export interface Page {
  /** The oldest first. */
  readonly changes: readonly Change[]
  readonly hasMore: boolean
  /** Of the database when it was read. */
  readonly epoch: string
}

/** @returns Undefined when the change is gone at which the cursor stands, or another has its number. */
export async function readPage(
  write: (queries: readonly Query[]) => Promise<ResultRow[][]>,
  from: Cursor,
  most: number,
): Promise<Page | undefined> {
  const [rows, newest] = (await write([pageQuery(from.seq, most + 1), NEWEST])) as [ResultRow[], ResultRow[]]
  if (from.seq > 0 && !stands(from, rows.shift())) return undefined
  const changes = rows.slice(0, most).map(toChange)
  const { seq, epoch } = newest[0] as { seq: number; epoch: string }
  return { changes, hasMore: changes.length > 0 && changes.at(-1)!.seq < seq, epoch }
}

/** @param from The first change that is read, whether or not it is there. */
function pageQuery(from: number, limit: number): Query {
  return {
    sql: `SELECT seq, table_name, record_id, op, "before", "after", at FROM (
  SELECT *, sum(octet_length(concat("before", "after"))) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes
  FROM (SELECT * FROM _changes WHERE seq >= ? ORDER BY seq LIMIT ?)
) WHERE (bytes < ${PAGE_BYTES}) IS NOT FALSE ORDER BY seq`,
    params: [from, limit],
  }
}

function stands({ seq, at, recordId }: Cursor, row: ResultRow | undefined): boolean {
  return row?.seq === seq && row.at === at && row.record_id === recordId
}
