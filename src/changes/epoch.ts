/** A restored database tells its history anew: the epoch says which history a bookmark belongs to. */

import type { Query, ResultRow } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"
import { CURSOR_COLUMNS, type Cursor, toCursor } from "./cursor.ts"

/**
 * Writes a new epoch; its time comes first, so that the greatest is the newest.
 *
 * @param lost A change that is gone.
 * @returns The newest change that is as old, from which to go on: those after it are new.
 */
export async function renewEpoch(
  write: (queries: readonly Query[]) => Promise<ResultRow[][]>,
  lost: Cursor,
): Promise<Cursor> {
  const [, rows] = await write([
    { sql: "UPDATE _meta SET value = ? WHERE key = 'epoch'", params: [newId().replaceAll("-", "")] },
    { sql: `SELECT ${CURSOR_COLUMNS} FROM _changes WHERE at <= ? ORDER BY seq DESC LIMIT 1`, params: [lost.at] },
  ])
  return toCursor(rows![0])
}
