/** Removes what sign-in needs no more, in small steps. */

import type { Query } from "../db/query.ts"

const DAY_MS = 24 * 3600 * 1000
/** An ended session still tells a reused token apart from a forged one. */
const ENDED_SESSION_KEPT_MS = 30 * DAY_MS
const AUDIT_KEPT_MS = 400 * DAY_MS
/** Rows of each table at a time. */
const STEP = 500

export function sweepQueries(now: number): Query[] {
  return [
    sweep("_one_time", "expires_at", now),
    sweep("_sessions", "expires_at", now - ENDED_SESSION_KEPT_MS),
    sweep("_auth_events", "at", now - AUDIT_KEPT_MS),
  ]
}

function sweep(table: string, column: string, before: number): Query {
  return {
    sql: `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE ${column} <= ? ORDER BY ${column} LIMIT ${STEP})`,
    params: [before],
  }
}
