/** What a limiter remembers, in the object's own SQLite: the attempts of each flow, and how many failed in a row. */

/** One limit of a subject. */
export interface FlowLimit {
  /** What is counted, such as `signIn`; flows of one subject don't touch. */
  readonly flow: string
  /** Failures in the window after which the flow refuses. */
  readonly limit: number
  readonly windowMs: number
  /** Failures without a success in between, however slow, after which the flow refuses until it is cleared. */
  readonly mostConsecutive?: number
}

/** What is known about an attempt that ended; `released` means that it was never made. */
export type Outcome = "succeeded" | "failed" | "released"

/** Refused for so long; or `busy`: whether there is room depends on attempts that are under way. */
export type Verdict = "free" | "busy" | { retryAfterS: number }

/** An attempt without an outcome counts as under way for so long, then as failed. */
const UNDER_WAY_MS = 60_000
/** Failures in a row are forgotten so long after the last one. */
const STREAK_MS = 30 * 24 * 60 * 60_000
/** What a flow that has to be cleared asks for. */
const LOCKED_RETRY_S = 24 * 60 * 60

/** An outcome sets `under_way` to 0 or removes the row. A streak counts attempts that are under way as failures. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS attempts (
    flow TEXT NOT NULL,
    at INTEGER NOT NULL,
    ticket TEXT NOT NULL,
    under_way INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (flow, at, ticket)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS streaks (
    flow TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`

/** All times are the caller's, in milliseconds. Every method is synchronous, so that its writes commit together. */
export class Tally {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(TABLES)
  }

  judge(flow: FlowLimit, now: number): Verdict {
    const failed = this.#fullSince(flow, now, now - UNDER_WAY_MS)
    if (failed !== undefined) return { retryAfterS: secondsUntil(failed + flow.windowMs, now) }
    const streak = this.#judgeStreak(flow, now)
    if (streak !== "free") return streak
    return this.#fullSince(flow, now) === undefined ? "free" : "busy"
  }

  /** Notes an attempt, or an event that has happened already. */
  add(flow: FlowLimit, ticket: string, now: number, underWay: boolean): void {
    this.#sql.exec(
      "INSERT INTO attempts (flow, at, ticket, under_way, expires_at) VALUES (?, ?, ?, ?, ?)",
      flow.flow,
      now,
      ticket,
      underWay ? 1 : 0,
      now + flow.windowMs,
    )
    if (flow.mostConsecutive === undefined) return
    this.#sql.exec(
      `INSERT INTO streaks (flow, failures, expires_at) VALUES (?1, 1, ?2)
       ON CONFLICT (flow) DO UPDATE SET failures = failures + 1, expires_at = ?2`,
      flow.flow,
      now + STREAK_MS,
    )
  }

  /** Only the first outcome of a ticket counts. */
  settle(ticket: string, outcome: Outcome): void {
    const attempts = this.#sql
      .exec<{ flow: string; at: number }>("SELECT flow, at FROM attempts WHERE ticket = ? AND under_way = 1", ticket)
      .toArray()
    for (const { flow, at } of attempts) {
      if (outcome === "failed") {
        this.#sql.exec("UPDATE attempts SET under_way = 0 WHERE flow = ? AND at = ? AND ticket = ?", flow, at, ticket)
        continue
      }
      this.#sql.exec("DELETE FROM attempts WHERE flow = ? AND at = ? AND ticket = ?", flow, at, ticket)
      const failures = outcome === "released" ? "failures - 1" : String(this.#countUnderWay(flow, at))
      this.#sql.exec(`UPDATE streaks SET failures = ${failures} WHERE flow = ?`, flow)
      this.#sql.exec("DELETE FROM streaks WHERE flow = ? AND failures <= 0", flow)
    }
  }

  clear(flow: string): void {
    this.#sql.exec("DELETE FROM attempts WHERE flow = ?", flow)
    this.#sql.exec("DELETE FROM streaks WHERE flow = ?", flow)
  }

  forgetOld(now: number): void {
    this.#sql.exec("DELETE FROM attempts WHERE expires_at <= ?", now)
    this.#sql.exec("DELETE FROM streaks WHERE expires_at <= ?", now)
  }

  /** When the last of it may be forgotten; undefined when there is nothing. */
  lastExpiry(): number | undefined {
    const { last } = this.#sql
      .exec<{ last: number | null }>(
        "SELECT max(expires_at) AS last FROM (SELECT expires_at FROM attempts UNION ALL SELECT expires_at FROM streaks)",
      )
      .one()
    return last ?? undefined
  }

  /**
   * The time of the attempt that has to leave the window before there is room; undefined when there is room.
   *
   * @param failedBy Attempts under way that began later don't count.
   */
  #fullSince(
    { flow, limit, windowMs }: FlowLimit,
    now: number,
    failedBy = Number.MAX_SAFE_INTEGER,
  ): number | undefined {
    const [attempt] = this.#sql
      .exec<{ at: number }>(
        `SELECT at FROM attempts WHERE flow = ? AND at > ? AND (under_way = 0 OR at <= ?)
         ORDER BY at DESC LIMIT 1 OFFSET ?`,
        flow,
        now - windowMs,
        failedBy,
        limit - 1,
      )
      .toArray()
    return attempt?.at
  }

  #judgeStreak({ flow, mostConsecutive }: FlowLimit, now: number): Verdict {
    if (mostConsecutive === undefined) return "free"
    const [streak] = this.#sql.exec<{ failures: number }>("SELECT failures FROM streaks WHERE flow = ?", flow).toArray()
    if (!streak || streak.failures < mostConsecutive) return "free"
    const certain = streak.failures - this.#countUnderWay(flow, now)
    return certain >= mostConsecutive ? { retryAfterS: LOCKED_RETRY_S } : "busy"
  }

  #countUnderWay(flow: string, now: number): number {
    return this.#sql
      .exec<{ n: number }>(
        "SELECT count(*) AS n FROM attempts WHERE flow = ? AND at > ? AND under_way = 1",
        flow,
        now - UNDER_WAY_MS,
      )
      .one().n
  }
}

function secondsUntil(time: number, now: number): number {
  return Math.max(1, Math.ceil((time - now) / 1000))
}
