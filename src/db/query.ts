/** A statement and what it gives. */

export interface Query {
  readonly sql: string
  readonly params: readonly unknown[]
}

export type ResultRow = Record<string, unknown>

/** A statement that was built but not run; Drizzle's builders are of this form. */
export interface BuiltStatement {
  toSQL(): { sql: string; params: unknown[] }
  /** Called once the batch that held it is committed. */
  committed?(): void
}
