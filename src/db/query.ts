/** A statement and what it gives. */

export interface Query {
  readonly sql: string
  readonly params: readonly unknown[]
}

export type ResultRow = Record<string, unknown>
