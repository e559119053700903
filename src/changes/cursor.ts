/** A place in the feed: the last change that a sink took. */

import type { ResultRow } from "../db/query.ts"

/** Number, time and record together tell a change from one that got its number after a restore. */
export interface Cursor {
  /** 0 before the first change. */
  readonly seq: number
  readonly at: number
  readonly recordId: string
}

export const START: Cursor = { seq: 0, at: 0, recordId: "" }

/** Of a query of `_changes`. */
export const CURSOR_COLUMNS = 'seq, at, record_id AS "recordId"'

/** @param row Of {@link CURSOR_COLUMNS}. */
export function toCursor(row: ResultRow | undefined): Cursor {
  return row ? (row as unknown as Cursor) : START
}
