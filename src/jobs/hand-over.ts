/** How a sink of the feed makes jobs of changes, each once: its place moves in the batch that stores them. */

import { CURSOR_COLUMNS, type Cursor, toCursor } from "../changes/cursor.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import { type JobSystem, writeJobs } from "./system.ts"

/**
 * For the head of the batch; aborts it when changes from `first` on were taken before.
 *
 * @param last The last change that makes jobs.
 */
export function handOverQueries(sink: string, last: number, first: number): Query[] {
  return [
    {
      sql: "INSERT INTO _sinks (name, seq) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET seq = ?2 WHERE seq < ?3",
      params: [sink, last, first],
    },
    guard("SELECT 'changes_taken' WHERE changes() = 0", []),
  ]
}

/** The last change that made jobs; before the first, the start. */
export async function takenUpTo(sink: string, system: Pick<JobSystem, "d1">): Promise<Cursor> {
  const [rows] = await writeJobs(system, [
    {
      sql: `SELECT ${CURSOR_COLUMNS} FROM _changes WHERE seq <= (SELECT seq FROM _sinks WHERE name = ?) ORDER BY seq DESC LIMIT 1`,
      params: [sink],
    },
  ])
  return toCursor(rows![0])
}
