/** The Durable Object that counts for one subject, an account, an address or a caller, and refuses the excess. */

import { DurableObject } from "cloudflare:workers"
import type { Rule } from "./gcra.ts"
import { type Account, type Answer, type Ask, decide, forgottenAt } from "./leases.ts"
import { type FlowLimit, type Outcome, Tally } from "./tally.ts"

/** `busy` is only said to those who don't wait. */
export type Begun = { ticket: string } | { retryAfterS: number } | { busy: true }
export type Taken = { allowed: true } | { retryAfterS: number }

/** An attempt that waits until those under way tell whether there is room. */
interface Waiter {
  readonly flows: readonly FlowLimit[]
  /** The caller's clock when it came, and this machine's. */
  readonly now: number
  readonly since: number
  readonly resolve: (begun: Begun) => void
  timer?: ReturnType<typeof setTimeout>
}

const LONGEST_WAIT_MS = 10_000
/** To those who waited in vain. */
const WAITED_RETRY_S = 1
/** The caller's time for which the alarm is set. */
const ALARM_KEY = "alarmFor"
/** What is left of a rate, and the rule that it was last spent under. */
const RATE_KEY = "rate"

interface Rate {
  readonly account: Account
  readonly rule: Rule
}

/** Times are the caller's, in milliseconds since 1970; the object adds only distances to them. */
export class Limiter extends DurableObject {
  /** First come, first served. */
  readonly #waiting: Waiter[] = []
  #openTally: Tally | undefined

  /**
   * Reserves one attempt in every flow, or in none. It counts as a failure until {@link settle} says otherwise. Failures
   * that fill a limit refuse at once; attempts under way that do are waited for, at most 10 seconds.
   */
  begin(flows: FlowLimit[], now: number, options: { wait: boolean } = { wait: true }): Promise<Begun> {
    return new Promise((resolve) => {
      const since = Date.now()
      const waiter: Waiter = { flows, now, since, resolve }
      this.#waiting.push(waiter)
      this.#admit(since)
      if (!this.#waiting.includes(waiter)) return
      if (options.wait) waiter.timer = setTimeout(() => this.#giveUp(waiter), LONGEST_WAIT_MS)
      else this.#answer(waiter, { busy: true })
    })
  }

  /**
   * Safe to repeat: only the first outcome counts.
   *
   * @param outcome `succeeded` gives the attempt back and ends the failures in a row; `failed` keeps it; `released` gives
   * it back and changes nothing else.
   */
  settle(ticket: string, outcome: Outcome): void {
    if (this.#isEmpty()) return
    this.#tally().settle(ticket, outcome)
    this.#admit()
  }

  /** Forgets the flow's attempts and its failures in a row. */
  clear(flow: string): void {
    if (this.#isEmpty()) return
    this.#tally().clear(flow)
    this.#admit()
  }

  /** Counts one event, unless `limit` of them lie in the window already. */
  take(flow: string, limit: number, windowMs: number, now: number): Taken {
    const counted = { flow, limit, windowMs }
    const tally = this.#tally()
    tally.forgetOld(now)
    const verdict = tally.judge(counted, now)
    if (typeof verdict === "object") return verdict
    tally.add(counted, crypto.randomUUID(), now, false)
    this.#watch(counted, now)
    return { allowed: true }
  }

  /** Spends units of a rate; an object that counts one counts nothing else. */
  spend(ask: Ask, rule: Rule, now: number): Answer {
    const stored = this.ctx.storage.kv.get<Rate>(RATE_KEY)
    const { account, answer, changed } = decide(stored?.account, rule, ask, now, crypto.randomUUID())
    if (!changed) return answer
    this.ctx.storage.kv.put<Rate>(RATE_KEY, { account, rule })
    this.#watch(rule, now)
    return answer
  }

  /** Forgets what is too old, and all of the object when nothing is left. */
  override async alarm(): Promise<void> {
    const now = this.ctx.storage.kv.get<number>(ALARM_KEY)
    const rate = this.ctx.storage.kv.get<Rate>(RATE_KEY)
    if (now !== undefined && rate) {
      const last = forgottenAt(rate.account, rate.rule)
      return last > now ? this.#setAlarm(Math.max(last, now + rate.rule.windowMs), now) : this.ctx.storage.deleteAll()
    }
    const tally = this.#tally()
    if (now !== undefined) tally.forgetOld(now)
    const last = tally.lastExpiry()
    if (now !== undefined && last !== undefined) return this.#setAlarm(last, now)
    this.#openTally = undefined
    await this.ctx.storage.deleteAll()
  }

  /** Whoever waits for a flow holds up those who come later for the same flow. */
  #admit(time = Date.now()): void {
    const held = new Set<string>()
    for (const waiter of [...this.#waiting]) {
      if (waiter.flows.some(({ flow }) => held.has(flow))) continue
      const begun = this.#tryBegin(waiter, waiter.now + time - waiter.since)
      if (begun) this.#answer(waiter, begun)
      else for (const { flow } of waiter.flows) held.add(flow)
    }
  }

  #tryBegin({ flows }: Waiter, now: number): Begun | undefined {
    const tally = this.#tally()
    tally.forgetOld(now)
    const verdicts = flows.map((flow) => tally.judge(flow, now))
    const refusals = verdicts.filter((verdict) => typeof verdict === "object")
    if (refusals.length > 0) return { retryAfterS: Math.max(...refusals.map(({ retryAfterS }) => retryAfterS)) }
    if (verdicts.includes("busy")) return undefined
    const ticket = crypto.randomUUID()
    for (const flow of flows) tally.add(flow, ticket, now, true)
    this.#watch({ windowMs: Math.max(...flows.map(({ windowMs }) => windowMs)) }, now)
    return { ticket }
  }

  #answer(waiter: Waiter, begun: Begun): void {
    clearTimeout(waiter.timer)
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
    waiter.resolve(begun)
  }

  #giveUp(waiter: Waiter): void {
    this.#answer(waiter, { retryAfterS: WAITED_RETRY_S })
    this.#admit()
  }

  /** Not moved by each attempt, since setting an alarm writes a row: the alarm looks what is left, and is set again. */
  #watch({ windowMs }: { windowMs: number }, now: number): void {
    const due = this.ctx.storage.kv.get<number>(ALARM_KEY)
    if (due !== undefined && due > now) return
    void this.#setAlarm(now + windowMs, now)
  }

  #setAlarm(due: number, now: number): Promise<void> {
    this.ctx.storage.kv.put(ALARM_KEY, due)
    return this.ctx.storage.setAlarm(Date.now() + due - now)
  }

  /** Then nothing may be written: no alarm would ever delete it. */
  #isEmpty(): boolean {
    return this.ctx.storage.kv.get<number>(ALARM_KEY) === undefined
  }

  /** Opened when needed: the alarm deletes the tables too. */
  #tally(): Tally {
    this.#openTally ??= new Tally(this.ctx.storage.sql)
    return this.#openTally
  }
}
