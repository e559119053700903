/** Reading a row of `_changes`. */

import type { Change, ChangeRow } from "../core/change.ts"
import type { ResultRow } from "../db/query.ts"

/** @param row Of `_changes`. */
export function toChange(row: ResultRow): Change {
  const { before, after } = readRows(row.before as string | null, row.after as string | null)
  return {
    seq: row.seq as number,
    table: row.table_name as string,
    recordId: row.record_id as string,
    op: row.op as Change["op"],
    before,
    after,
    at: row.at as number,
  }
}

/** The triggers write pieces, and of an update's old row only what differs. */
export function readRows(before: string | null, after: string | null): Pick<Change, "before" | "after"> {
  const now = after === null ? null : merge(after)
  const old = before === null ? null : { ...now, ...merge(before) }
  return { before: old, after: now }
}

function merge(pieces: string): ChangeRow {
  return Object.assign({}, ...[JSON.parse(pieces)].flat(3))
}
