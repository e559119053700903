/** What an answer took, as headers: for developers, and for the operator in production. */

import type { RequestState } from "./context.ts"

/**
 * `Server-Timing` (W3C) in milliseconds; on Cloudflare the clock moves with I/O alone, so that work on the processor
 * shows as 0. `Selvedge-Cost` is a dictionary (RFC 8941) of what was asked of the platform.
 */
export function showCost({ timing, db, cost }: RequestState, totalMs: number, headers: Headers): void {
  const { auth, limit, cache } = timing
  const parts = { auth, limit, cache, db: db.elapsedMs, total: totalMs }
  const durations = Object.entries(parts).map(([name, ms]) => `${name};dur=${Math.round(ms * 100) / 100}`)
  headers.set("Server-Timing", durations.join(", "))
  const counts = {
    trips: cost.trips,
    statements: cost.statements,
    "rows-read": cost.rowsRead,
    "rows-written": cost.rowsWritten,
    "limiter-calls": cost.limiterCalls,
    "kv-reads": cost.kvReads,
    "kv-writes": cost.kvWrites,
  }
  headers.set(
    "Selvedge-Cost",
    Object.entries(counts)
      .map(([name, count]) => `${name}=${count}`)
      .join(", "),
  )
}
