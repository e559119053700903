/** One request's view of D1: a session that is as fresh as its bookmark, and what it cost. */

import { SelvedgeError } from "../core/problem.ts"
import { formatBookmark, parseBookmark } from "./bookmark.ts"
import { countRows, newCost } from "./cost.ts"
import { countedSession } from "./counted-session.ts"
import { readFailure } from "./errors.ts"
import type { Query, ResultRow } from "./query.ts"
import { WrittenTables } from "./written-tables.ts"

/** The newest change and the history it belongs to, as one column; every read and every write selects it. */
export const FRESHNESS =
  "(SELECT value FROM _meta WHERE key = 'epoch') || '.' || coalesce((SELECT max(seq) FROM _changes), 0)"

/** What an isolate remembers between requests: the epoch, to tell a bookmark of another history. */
export interface Epochs {
  current: string | undefined
}

/** In place of a bookmark: reads go to the primary. */
export const AT_PRIMARY = ""

export class Database {
  readonly cost = newCost()
  /** Milliseconds that were waited for {@link read} and {@link write}. */
  elapsedMs = 0
  readonly #d1: D1Database
  readonly #epochs: Epochs
  readonly #bookmark: string | undefined
  /** What was written, by whatever means. */
  readonly written = new WrittenTables()
  #session: D1DatabaseSession | undefined
  #seq: number | undefined
  /** Whether something was written by statements that don't tell the newest change. */
  #isBehind = false

  /** @param bookmark The caller's `Selvedge-Bookmark`. */
  constructor(d1: D1Database, epochs: Epochs, bookmark?: string) {
    this.#d1 = d1
    this.#epochs = epochs
    this.#bookmark = bookmark
  }

  /** Runs one statement on the nearest replica that is fresh enough. */
  async read(query: Query): Promise<ResultRow[]> {
    const session = this.#open(this.#constraint())
    this.cost.trips++
    this.cost.statements++
    const startedAt = performance.now()
    try {
      const result = await session
        .prepare(query.sql)
        .bind(...query.params)
        .all<ResultRow>()
      countRows(this.cost, result.meta)
      return result.results
    } catch (error) {
      throw refusal(error)
    } finally {
      this.elapsedMs += performance.now() - startedAt
    }
  }

  /**
   * Runs statements on the primary as one transaction: all or nothing.
   * @throws What D1 threw, as the cause of a refusal where it is busy or too slow; `readFailure` says what it means.
   */
  async write(queries: readonly Query[]): Promise<ResultRow[][]> {
    const session = this.#open("first-primary")
    this.cost.trips++
    this.cost.statements += queries.length
    const statements = queries.map((query) => session.prepare(query.sql).bind(...query.params))
    const startedAt = performance.now()
    try {
      const results = await session.batch<ResultRow>(statements)
      for (const { meta } of results) countRows(this.cost, meta)
      for (const { sql } of queries) this.written.note(sql)
      return results.map((result) => result.results)
    } catch (error) {
      throw refusal(error)
    } finally {
      this.elapsedMs += performance.now() - startedAt
    }
  }

  /** Takes in what a statement selected as {@link FRESHNESS}. */
  sawFreshness(text: unknown): void {
    if (typeof text !== "string") return
    const [epoch, seq] = text.split(".")
    this.#epochs.current = epoch
    this.#seq = Number(seq)
  }

  /** Asks for the newest change, where an application's own statements have written: no bookmark would tell of them. */
  async catchUp(): Promise<void> {
    if (!this.#isBehind) return
    this.#isBehind = false
    const [row] = await this.read({ sql: `SELECT ${FRESHNESS} AS freshness`, params: [] })
    this.sawFreshness(row?.freshness)
  }

  /**
   * The bookmark of the answer; undefined when the database was not asked. Where no statement told the newest change, as
   * after a refused batch, it repeats the caller's.
   */
  bookmark(): string | undefined {
    const epoch = this.#epochs.current
    if (this.cost.trips === 0 || !epoch) return undefined
    return formatBookmark({ epoch, seq: this.#seq ?? this.#callersSeq(epoch), d1: this.#session?.getBookmark() ?? "" })
  }

  #callersSeq(epoch: string): number {
    const bookmark = this.#bookmark === undefined ? undefined : parseBookmark(this.#bookmark)
    return bookmark?.epoch === epoch ? bookmark.seq : 0
  }

  /** The session that Drizzle runs on in an application's own route. */
  get session(): D1DatabaseSession {
    return countedSession(this.#open(this.#constraint()), this.cost, (sql) => {
      if (this.written.note(sql)) this.#isBehind = true
    })
  }

  /** A caller without a bookmark takes what is near; one of a history we don't know asks the primary. */
  #constraint(): string {
    if (this.#bookmark === undefined) return "first-unconstrained"
    const bookmark = parseBookmark(this.#bookmark)
    return bookmark?.d1 && bookmark.epoch === this.#epochs.current ? bookmark.d1 : "first-primary"
  }

  #open(constraint: string): D1DatabaseSession {
    this.#session ??= this.#d1.withSession(constraint)
    return this.#session
  }
}

/** What a failed statement is to the caller, where nothing more is known of it. */
export function refusal(error: unknown): unknown {
  if (error instanceof SelvedgeError) return error
  const { kind } = readFailure(error)
  if (kind === "overloaded") {
    return new SelvedgeError("overloaded", "The database is busy; try again.", {
      headers: { "Retry-After": "1" },
      cause: error,
    })
  }
  if (kind === "timeout") return new SelvedgeError("timeout", "The database took too long.", { cause: error })
  return error
}
