/** A restored database tells its history anew: the epoch says which history a bookmark belongs to. */

import type { Query, ResultRow } from "../db/query.ts"
import { newId } from "../schema/record-columns.ts"

/** The last change that a sink took. Without a time it is a place only, and nothing is known of the change. */
export interface Cursor {
  readonly seq: number
  readonly at?: number
  readonly recordId?: string
}

export type Identity = Required<Cursor>

export function isSame(row: ResultRow | undefined, cursor: Cursor): boolean {
  if (cursor.at === undefined) return row === undefined || row.seq === cursor.seq
  return row?.seq === cursor.seq && row.at === cursor.at && row.record_id === cursor.recordId
}

/**
 * Writes a new epoch; its time comes first, so that the greatest is the newest.
 *
 * @param lostAt When the change was made that is gone.
 * @returns The newest change that is as old, from which to go on.
 */
export async function renewEpoch(
  { write }: { write(queries: readonly Query[]): Promise<ResultRow[][]> },
  lostAt: number,
): Promise<Identity> {
  const [, rows] = await write([
    { sql: "UPDATE _meta SET value = ? WHERE key = 'epoch'", params: [newId().replaceAll("-", "")] },
    {
      sql: 'SELECT seq, at, record_id AS "recordId" FROM _changes WHERE at <= ? ORDER BY seq DESC LIMIT 1',
      params: [lostAt],
    },
  ])
  return (rows![0] as unknown as Identity | undefined) ?? { seq: 0, at: 0, recordId: "" }
}
