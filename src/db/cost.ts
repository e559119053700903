/** What a request asked of D1. */

export interface Cost {
  /** Calls of D1; each is a round trip. */
  trips: number
  statements: number
  rowsRead: number
  rowsWritten: number
}

export function countRows(cost: Cost, meta: D1Meta): void {
  cost.rowsRead += meta.rows_read ?? 0
  cost.rowsWritten += meta.rows_written ?? 0
}
