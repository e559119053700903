/** One request's view of D1: a session that is as fresh as its bookmark, and what it cost. */

import { SelvedgeError } from "../core/problem.ts"
import { type Asker, ask } from "./ask.ts"
import { type Bookmark, formatBookmark, parseBookmark } from "./bookmark.ts"
import { type Cost, countRows, newCost } from "./cost.ts"
import { countedSession } from "./counted-session.ts"
import { readFailure } from "./errors.ts"
import { Isolate } from "./isolate.ts"
import type { Query, ResultRow } from "./query.ts"
import { WrittenTables } from "./written-tables.ts"

/** The newest change and the history it belongs to, as one column; every read and every write selects it. */
export const FRESHNESS =
  "(SELECT value FROM _meta WHERE key = 'epoch') || '.' || coalesce((SELECT max(seq) FROM _changes), 0)"

/** The same by itself, as the column `freshness`. */
export const FRESHNESS_QUERY: Query = { sql: `SELECT ${FRESHNESS} AS freshness`, params: [] }

/**
 * How fresh the answers must be: a caller's `Selvedge-Bookmark`, or a bookmark that D1 gave ourselves, null for the
 * primary. Undefined takes what is near.
 */
export type Start = string | { readonly d1: string | null } | undefined

export class Database {
  /** What was written, by whatever means, or may have been where no answer came. */
  readonly written = new WrittenTables()
  readonly #d1: D1Database
  readonly #isolate: Isolate
  readonly #start: Start
  readonly #asker: Asker
  #session: D1DatabaseSession | undefined
  /** That of the caller's bookmark, where the session began with it. */
  #claimedEpoch: string | undefined
  #seq: number | undefined
  /** That of the newest answer: another request may meanwhile learn of another. */
  #epoch: string | undefined
  /** Whether something was written by statements that don't tell the newest change. */
  #isBehind = false

  constructor(d1: D1Database, isolate: Isolate = new Isolate(), start?: Start) {
    this.#d1 = d1
    this.#isolate = isolate
    this.#start = start
    this.#asker = { isolate, cost: newCost(), elapsedMs: 0, recover: (error) => this.#recover(error) }
  }

  get cost(): Cost {
    return this.#asker.cost
  }

  /** Milliseconds that were waited for D1. */
  get elapsedMs(): number {
    return this.#asker.elapsedMs
  }

  /**
   * Runs one statement on the nearest replica that is fresh enough. An isolate that knows no epoch yet believes one caller
   * in that of its bookmark, until the answer tells; what is of another history is then asked of the primary.
   */
  async read(query: Query): Promise<ResultRow[]> {
    const isFirst = !this.#session
    const session = this.#open(true)
    const rows = await this.#select(query)
    const epoch = epochOf(rows[0]?.freshness) ?? this.#isolate.epoch
    const isFresh = !isFirst || this.#claimedEpoch === undefined || this.#claimedEpoch === epoch
    if (isFresh || session !== this.#session) return rows
    this.#beginAtPrimary()
    return this.#select(query)
  }

  async #select(query: Query): Promise<ResultRow[]> {
    const result = await ask(this.#asker, { statements: 1, isRead: true }, () =>
      this.#open()
        .prepare(query.sql)
        .bind(...query.params)
        .all<ResultRow>(),
    )
    countRows(this.cost, result.meta)
    return result.results
  }

  /**
   * Runs statements on the primary as one transaction: all or nothing.
   *
   * @param isRepeatable Whether a second run does no harm after a first that was committed and never told.
   * @throws What D1 threw, as the cause of a refusal where it is busy; `readFailure` says what it means.
   */
  async write(queries: readonly Query[], { isRepeatable = false } = {}): Promise<ResultRow[][]> {
    // only the first call of a session goes to the primary for sure, if none of its statements writes
    const session = this.#d1.withSession("first-primary")
    let tries = 0
    let mayBeWritten = true
    try {
      const call = { statements: queries.length, isRead: false, isRepeatable }
      const results = await ask(this.#asker, call, () => {
        tries++
        return session.batch<ResultRow>(queries.map((query) => session.prepare(query.sql).bind(...query.params)))
      })
      for (const { meta } of results) countRows(this.cost, meta)
      return results.map((result) => result.results)
    } catch (error) {
      mayBeWritten = tries > 1 || error instanceof SelvedgeError
      throw error
    } finally {
      if (mayBeWritten) for (const { sql } of queries) this.written.note(sql)
      this.#goOnWith(session)
    }
  }

  /** What is read from now on is as fresh as the freshest of what was written and read so far. */
  #goOnWith(session: D1DatabaseSession): void {
    const before = this.#session?.getBookmark() ?? ""
    if (!this.#session || (session.getBookmark() ?? "") > before) this.#session = session
  }

  /** Takes in what a statement selected as {@link FRESHNESS}. */
  sawFreshness(text: unknown): void {
    const epoch = epochOf(text)
    if (epoch === undefined) return
    this.#epoch = epoch
    this.#isolate.epoch = epoch
    this.#seq = Math.max(this.#seq ?? 0, Number((text as string).slice(epoch.length + 1)))
  }

  /** Asks for the newest change, where an application's own statements have written: no bookmark would tell of them. */
  async catchUp(): Promise<void> {
    if (!this.#isBehind) return
    this.#isBehind = false
    const [row] = await this.read(FRESHNESS_QUERY)
    this.sawFreshness(row?.freshness)
  }

  /**
   * The bookmark of the answer; undefined when the database was not asked. Where no statement told the newest change, as
   * after a refused batch, it repeats the caller's.
   */
  bookmark(): string | undefined {
    const epoch = this.#epoch ?? this.#isolate.epoch
    if (this.cost.trips === 0 || !epoch) return undefined
    return formatBookmark({ epoch, seq: this.#seq ?? this.#callersSeq(epoch), d1: this.d1Bookmark ?? "" })
  }

  /** As {@link bookmark}, but only where the database told the newest change: what a caller sends may be made up. */
  toldBookmark(): string | undefined {
    return this.#seq === undefined ? undefined : this.bookmark()
  }

  /** D1's own; null before it has answered. */
  get d1Bookmark(): string | null {
    return this.#session?.getBookmark() ?? null
  }

  #callersSeq(epoch: string): number {
    const bookmark = this.#callersBookmark()
    return bookmark?.epoch === epoch ? bookmark.seq : 0
  }

  #callersBookmark(): Bookmark | undefined {
    return typeof this.#start === "string" ? parseBookmark(this.#start) : undefined
  }

  /** The session that Drizzle runs on in an application's own route. */
  get session(): D1DatabaseSession {
    return countedSession(
      () => this.#open(),
      this.#asker,
      (sql) => {
        const mayWrite = this.written.note(sql)
        if (mayWrite) this.#isBehind = true
        return mayWrite
      },
    )
  }

  #open(isProved = false): D1DatabaseSession {
    this.#session ??= this.#d1.withSession(this.#constraint(isProved))
    return this.#session
  }

  /**
   * A caller without a bookmark takes what is near; one of a history we don't know asks the primary.
   *
   * @param isProved Whether the answer will tell the epoch.
   */
  #constraint(isProved: boolean): string {
    if (this.#start === undefined) return "first-unconstrained"
    if (typeof this.#start !== "string") return this.#start.d1 ?? "first-primary"
    const bookmark = this.#callersBookmark()
    const isTried = isProved && this.#isolate.epoch === undefined
    if (!bookmark?.d1 || !(isTried || bookmark.epoch === this.#isolate.epoch)) return "first-primary"
    // of those that come meanwhile nobody is believed: D1 may wait in vain for a bookmark that is not its own
    this.#isolate.epoch ??= ""
    this.#claimedEpoch = bookmark.epoch
    return bookmark.d1
  }

  #beginAtPrimary(): void {
    this.#claimedEpoch = undefined
    this.#session = this.#d1.withSession("first-primary")
  }

  /** D1 may choke on a bookmark that a caller made up. @returns Whether a read is to be made again. */
  #recover(error: unknown): boolean {
    if (this.#claimedEpoch === undefined || readFailure(error).kind !== "unknown") return false
    this.#beginAtPrimary()
    return true
  }
}

function epochOf(freshness: unknown): string | undefined {
  return typeof freshness === "string" ? freshness.slice(0, freshness.indexOf(".")) : undefined
}
