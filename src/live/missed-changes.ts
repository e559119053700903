/** Changes of some tables after a place, out of the log in the database. */

import { toChange } from "../changes/read-change.ts"
import type { Change } from "../core/change.ts"
import { SelvedgeError } from "../core/problem.ts"
import { inTime } from "../core/wait.ts"
import { Database } from "../db/database.ts"
import type { Query, ResultRow } from "../db/query.ts"

/** Changes of any table; whoever has missed more gets a fresh snapshot. */
const MOST_MISSED = 10_000
const PAGE = 1_000
/** Bytes of one page's rows. */
const PAGE_BYTES = 4_000_000
const LONGEST_READ_MS = 10_000

export interface Missed {
  readonly epoch: string
  /** Those of the tables, oldest first. */
  readonly changes: readonly Change[]
  /** No change up to here is left out. */
  readonly upTo: number
  readonly d1Bookmark: string
}

/** @returns Undefined where the log doesn't reach back so far, or there are too many. */
export async function readMissed(
  d1: D1Database,
  tables: readonly string[],
  after: number,
): Promise<Missed | undefined> {
  const db = new Database(d1)
  const changes: Change[] = []
  let upTo = after
  for (;;) {
    const [facts, scanned, rows] = await readLog(db, [FACTS, scanQuery(upTo), rowsQuery(tables, upTo)])
    const { epoch, oldest, newest } = facts![0] as { epoch: string; oldest: number | null; newest: number | null }
    if (after > (newest ?? 0) || (oldest !== null && after < oldest - 1)) return undefined
    changes.push(...rows!.map(toChange))
    const isCut = rows!.length > 0 && rows!.at(-1)!.isLast !== 1
    upTo = isCut ? (rows!.at(-1)!.seq as number) : Math.max(upTo, (scanned![0]!.upTo as number | null) ?? 0)
    if (upTo >= (newest ?? 0)) return { epoch, changes, upTo, d1Bookmark: db.d1Bookmark ?? "" }
    if (upTo - after > MOST_MISSED) return undefined
  }
}

/** The newest change of any table. */
export async function readNewest(d1: D1Database): Promise<{ epoch: string; last: number }> {
  const [rows] = await readLog(new Database(d1), [FACTS])
  const { epoch, newest } = rows![0] as { epoch: string; newest: number | null }
  return { epoch, last: newest ?? 0 }
}

function readLog(db: Database, queries: readonly Query[]): Promise<ResultRow[][]> {
  return inTime(db.write(queries, { isRepeatable: true }), LONGEST_READ_MS, () =>
    Promise.reject(new SelvedgeError("timeout", "The log takes too long to read.")),
  )
}

const FACTS: Query = {
  sql: `SELECT (SELECT value FROM _meta WHERE key = 'epoch') AS epoch,
  (SELECT min(seq) FROM _changes) AS oldest, (SELECT max(seq) FROM _changes) AS newest`,
  params: [],
}

function scanQuery(after: number): Query {
  return {
    sql: `SELECT max(seq) AS "upTo" FROM (SELECT seq FROM _changes WHERE seq > ? ORDER BY seq LIMIT ${PAGE})`,
    params: [after],
  }
}

/** The rows that fit; `isLast` says of the last one whether there was none after it. */
function rowsQuery(tables: readonly string[], after: number): Query {
  return {
    sql: `SELECT seq, table_name, record_id, op, "before", "after", at, "isLast" FROM (
  SELECT *, lead(seq) OVER (ORDER BY seq) IS NULL AS "isLast",
    sum(octet_length(concat("before", "after"))) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes
  FROM (SELECT * FROM _changes WHERE seq > ? ORDER BY seq LIMIT ${PAGE})
  WHERE table_name IN (SELECT value FROM json_each(?))
) WHERE (bytes < ${PAGE_BYTES}) IS NOT FALSE ORDER BY seq`,
    params: [after, JSON.stringify(tables)],
  }
}
