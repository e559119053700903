/** Rows into a SQLite file of a peer, beside its API. */

import type { DatabaseSync } from "node:sqlite"

export function insertAll(database: DatabaseSync, table: string, rows: readonly Record<string, string>[]): void {
  const names = Object.keys(rows[0]!)
  const values = names.map((name) => `value ->> '${name}'`).join(", ")
  database
    .prepare(`INSERT INTO ${table} (${names.join(", ")}) SELECT ${values} FROM json_each(?)`)
    .run(JSON.stringify(rows))
}
