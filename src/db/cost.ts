/** What a request asked of the platform. */

export interface Cost {
  /** Calls of D1; each is a round trip. */
  trips: number
  statements: number
  rowsRead: number
  rowsWritten: number
  /** Calls of a limiter. */
  limiterCalls: number
  kvReads: number
  kvWrites: number
}

export function newCost(): Cost {
  return { trips: 0, statements: 0, rowsRead: 0, rowsWritten: 0, limiterCalls: 0, kvReads: 0, kvWrites: 0 }
}

export function countRows(cost: Cost, meta: D1Meta): void {
  cost.rowsRead += meta.rows_read ?? 0
  cost.rowsWritten += meta.rows_written ?? 0
}
