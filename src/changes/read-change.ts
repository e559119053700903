/** Reading a row of `_changes`. */

import type { Change, ChangeRow } from "../core/change.ts"
import type { ResultRow } from "../db/query.ts"

/** @param row Of `_changes`. */
export function toChange(row: ResultRow): Change {
  const parse = (pieces: unknown) => (pieces === null ? null : JSON.parse(pieces as string))
  return {
    seq: row.seq as number,
    table: row.table_name as string,
    recordId: row.record_id as string,
    op: row.op as Change["op"],
    ...readRows(parse(row.before), parse(row.after)),
    at: row.at as number,
  }
}

/** The triggers write pieces, as JSON, and of an update's old row only what differs. */
export function readRows(before: unknown, after: unknown): Pick<Change, "before" | "after"> {
  const now = after === null ? null : merge(after)
  const old = before === null ? null : { ...now, ...merge(before) }
  return { before: old, after: now }
}

function merge(pieces: unknown): ChangeRow {
  return Object.assign({}, ...[pieces].flat(3))
}
