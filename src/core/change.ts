/** A committed change of a row. */

/** A row in SQL names and stored values: numbers for booleans and times. */
export type ChangeRow = Readonly<Record<string, unknown>>

export interface Change {
  /** The order of commits, without holes. */
  readonly seq: number
  readonly table: string
  readonly recordId: string
  readonly op: "insert" | "update" | "delete"
  /** The row before; null for an insert. */
  readonly before: ChangeRow | null
  readonly after: ChangeRow | null
  /** Milliseconds since 1970. */
  readonly at: number
}
