/** The hubs that get a topic's pushes, in the topic's SQLite. */

import { TopicTables } from "./topic-tables.ts"

const TABLES = `CREATE TABLE members (
  hub TEXT PRIMARY KEY,
  gen INTEGER NOT NULL,
  told INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  failing_since INTEGER
) STRICT, WITHOUT ROWID`

/** What is kept of a hub. */
export interface MemberHub {
  readonly hub: string
  /** Grows each time that the hub enters: what was found out before that doesn't hold any more. */
  gen: number
  /** The version of the presence that it was told last. */
  told: number
  /** In a row. */
  failures: number
  /** Milliseconds since 1970; null while it can be reached. */
  failingSince: number | null
}

export class Members {
  readonly #tables: TopicTables

  constructor(sql: SqlStorage) {
    this.#tables = new TopicTables(sql, "members", TABLES)
  }

  all(): MemberHub[] {
    return [
      ...this.#tables.read<Record<keyof MemberHub, SqlStorageValue>>(
        'SELECT hub, gen, told, failures, failing_since AS "failingSince" FROM members ORDER BY hub',
      ),
    ] as unknown as MemberHub[]
  }

  /** @returns The generation that begins. */
  enter(hub: string, told: number): number {
    const [row] = this.#tables.write<{ gen: number }>(
      `INSERT INTO members (hub, gen, told, failures) VALUES (?, 1, ?, 0)
       ON CONFLICT (hub) DO UPDATE SET gen = gen + 1 RETURNING gen`,
      hub,
      told,
    )
    return row!.gen
  }

  keep({ hub, told, failures, failingSince }: MemberHub): void {
    const query = "UPDATE members SET told = ?, failures = ?, failing_since = ? WHERE hub = ?"
    this.#tables.write(query, told, failures, failingSince, hub)
  }

  /** @returns Whether it is gone: not when it has entered again since `gen`. */
  remove(hub: string, gen: number): boolean {
    return this.#tables.write("DELETE FROM members WHERE hub = ? AND gen = ? RETURNING hub", hub, gen).length > 0
  }
}
