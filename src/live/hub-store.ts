/** What a hub keeps in its SQLite, so that hibernation and eviction lose nothing. */

import type { LiveInput } from "./plan.ts"

const TABLES = `
CREATE TABLE IF NOT EXISTS subscriptions (connection TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL,
  request TEXT NOT NULL, epoch TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (connection, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, epoch TEXT NOT NULL, cursor INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS departures (channel TEXT NOT NULL, connection TEXT NOT NULL, PRIMARY KEY (channel, connection)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results (query TEXT PRIMARY KEY, epoch TEXT NOT NULL, at INTEGER NOT NULL, records TEXT NOT NULL) WITHOUT ROWID;
`

/** `tag` is that of its plan: of other definitions it would be another. */
export interface StoredQuery {
  readonly input: LiveInput
  readonly tag: string
}

/** What a channel's member tells of itself. */
export interface StoredMember {
  readonly presence?: string
}

export interface StoredSubscription {
  readonly connection: string
  readonly id: string
  readonly kind: "query" | "channel"
  /** The name of a collection or a channel. */
  readonly target: string
  readonly request: StoredQuery | StoredMember
  readonly epoch: string
  readonly at: number
}

export interface StoredTopic {
  readonly name: string
  readonly epoch: string
  readonly cursor: number
}

/** What a query gave that is run again: a hash of each record by its id. */
export interface StoredResult {
  readonly epoch: string
  readonly at: number
  readonly records: ReadonlyMap<string, string>
}

export class HubStore {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(TABLES)
  }

  keepSubscription({ connection, id, kind, target, request, epoch, at }: StoredSubscription): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO subscriptions (connection, id, kind, target, request, epoch, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[connection, id, kind, target, JSON.stringify(request), epoch, at],
    )
  }

  dropSubscription(connection: string, id: string): void {
    this.#sql.exec("DELETE FROM subscriptions WHERE connection = ? AND id = ?", connection, id)
  }

  dropConnection(connection: string): void {
    this.#sql.exec("DELETE FROM subscriptions WHERE connection = ?", connection)
  }

  subscriptions(): StoredSubscription[] {
    const rows = this.#sql.exec("SELECT * FROM subscriptions").toArray()
    return rows.map((row) => ({ ...row, request: JSON.parse(row.request as string) }) as unknown as StoredSubscription)
  }

  keepTopic({ name, epoch, cursor }: StoredTopic): void {
    this.#sql.exec("INSERT OR REPLACE INTO topics (name, epoch, cursor) VALUES (?, ?, ?)", name, epoch, cursor)
  }

  dropTopic(name: string): void {
    this.#sql.exec("DELETE FROM topics WHERE name = ?", name)
  }

  topics(): StoredTopic[] {
    return this.#sql.exec("SELECT * FROM topics").toArray() as unknown as StoredTopic[]
  }

  /** That a socket's member is to be taken off a channel's list. */
  keepDeparture(channel: string, connection: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO departures (channel, connection) VALUES (?, ?)", channel, connection)
  }

  dropDeparture(channel: string, connection: string): void {
    this.#sql.exec("DELETE FROM departures WHERE channel = ? AND connection = ?", channel, connection)
  }

  departures(): { channel: string; connection: string }[] {
    return this.#sql.exec("SELECT * FROM departures").toArray() as { channel: string; connection: string }[]
  }

  keepResult(query: string, { epoch, at, records }: StoredResult): void {
    const text = JSON.stringify([...records])
    this.#sql.exec(
      "INSERT OR REPLACE INTO results (query, epoch, at, records) VALUES (?, ?, ?, ?)",
      query,
      epoch,
      at,
      text,
    )
  }

  dropResult(query: string): void {
    this.#sql.exec("DELETE FROM results WHERE query = ?", query)
  }

  /** Those of queries that nobody asks any more. */
  dropOtherResults(queries: readonly string[]): void {
    const asked = JSON.stringify(queries)
    this.#sql.exec("DELETE FROM results WHERE query NOT IN (SELECT value FROM json_each(?))", asked)
  }

  result(query: string): StoredResult | undefined {
    const [row] = this.#sql.exec("SELECT * FROM results WHERE query = ?", query).toArray()
    if (!row) return undefined
    return {
      epoch: row.epoch as string,
      at: row.at as number,
      records: new Map(JSON.parse(row.records as string) as [string, string][]),
    }
  }
}
