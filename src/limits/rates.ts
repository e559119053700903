/** The Worker's side of the limits: what one isolate knows of its callers, and what it has on lease for them. */

import type { Clock } from "../core/clock.ts"
import type { Later } from "../core/later.ts"
import type { LimitClass } from "./classes.ts"
import { drain, drainMs, freeUnits, type Rule } from "./gcra.ts"
import type { Answer, Ask, Report } from "./leases.ts"

/** As much of a limiter as is needed. */
export interface LimiterStub {
  spend(ask: Ask, rule: Rule, now: number): Promise<Answer>
}

export interface RatesOptions {
  readonly namespace: { getByName(name: string): LimiterStub }
  readonly now: Clock
  readonly log: (line: Record<string, unknown> & { level: "error" }) => void
}

/** What became of a request. */
export interface Verdict {
  readonly passes: boolean
  /** The header `RateLimit`; undefined when the limiter couldn't be reached. */
  readonly limit: string | undefined
  /** Seconds after which the same request passes, if nothing else is spent meanwhile; 0 for one that passes. */
  readonly retryAfterS: number
}

/** The request that spends. */
export interface Spender {
  /** Counts the calls that are made for it. */
  readonly cost: { limiterCalls: number }
  /** Takes work that may outlive the answer, such as `waitUntil`. */
  readonly later: Later
}

export interface Rates {
  /**
   * At once, and without a call, from a lease or when it is known that there is no room.
   *
   * @param subject Who spends.
   */
  spend(limits: LimitClass, subject: string, cost: number, spender: Spender): Verdict | Promise<Verdict>
  /** The refusal, where it is known without a call that the subject would get one; nothing is spent. */
  knownRefusal(limits: LimitClass, subject: string, cost: number): Verdict | undefined
}

/** What is known of one caller in one class. */
interface Entry {
  readonly limits: LimitClass
  readonly limiter: string
  /** As {@link Answer} has them, with what was used of the lease since. */
  debt: number
  at: number
  others: number
  turn: string
  lease: number
  used: number
  until: number
  /** The cheapest request that was refused, and until when it is. */
  refusedCost: number
  refusedUntil: number
  /** Until then the limiter isn't called again. */
  downUntil: number
  /** The call under way: one at a time, since each brings back the lease. */
  call: object | undefined
  waiting: Waiter[]
}

interface Waiter {
  readonly cost: number
  /** Undefined: it is the waiter's turn to make the call. */
  readonly resolve: (verdict: Verdict | undefined) => void
}

const LONGEST_CALL_MS = 1_000
const DOWN_MS = 1_000
/** Callers that an isolate remembers in each class. */
const MOST_REMEMBERED = 10_000

export function createRates({ namespace, now, log }: RatesOptions): Rates {
  const known = new Map<string, Map<string, Entry>>()

  function spend(limits: LimitClass, subject: string, cost: number, spender: Spender): Verdict | Promise<Verdict> {
    const entries = known.get(limits.name) ?? open(limits.name)
    const entry = entries.get(subject) ?? remember(entries, limits, subject, now())
    return fromMemory(entry, cost, now()) ?? wait(entry, cost, spender)
  }

  function knownRefusal(limits: LimitClass, subject: string, cost: number): Verdict | undefined {
    const entry = known.get(limits.name)?.get(subject)
    return entry && refusedFromMemory(entry, cost, now())
  }

  function open(name: string): Map<string, Entry> {
    const entries = new Map<string, Entry>()
    known.set(name, entries)
    return entries
  }

  /** Every call is made in the context of a request that waits for it: the I/O of others may be cancelled with them. */
  async function wait(entry: Entry, cost: number, spender: Spender): Promise<Verdict> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const waiting = new Promise<Verdict | undefined>((resolve) => {
      entry.waiting.push({ cost, resolve })
      timer = setTimeout(() => {
        if (entry.call) giveUp(entry, new Error(`no answer after ${LONGEST_CALL_MS} ms`))
        resolve(downVerdict(entry))
      }, LONGEST_CALL_MS)
      if (!entry.call) lead(entry, spender)
    })
    spender.later(waiting)
    const verdict = await waiting
    clearTimeout(timer)
    return verdict ?? wait(entry, cost, spender)
  }

  /** Makes one call for all who wait. */
  function lead(entry: Entry, spender: Spender): void {
    const call = {}
    const waiters = entry.waiting.splice(0)
    const ask = { costs: waiters.map(({ cost }) => cost), report: reportOf(entry) }
    entry.call = call
    entry.lease = 0
    spender.cost.limiterCalls++
    spender.later(
      reach(entry, ask, now()).then(
        (answer) => {
          if (entry.call !== call) return
          learn(entry, ask, answer)
          for (const [index, { cost, resolve }] of waiters.entries()) {
            const until = answer.waits[index]!
            resolve(until === 0 ? passed(entry, now()) : refused(entry, cost, until, now()))
          }
          passOn(entry)
        },
        (error: unknown) => {
          if (entry.call === call) giveUp(entry, error)
          for (const { resolve } of waiters) resolve(downVerdict(entry))
        },
      ),
    )
  }

  /** To those who came meanwhile: what the answer tells of them, and the next call to the first of the others. */
  function passOn(entry: Entry): void {
    const others = entry.waiting.splice(0).filter(({ cost, resolve }) => {
      const verdict = fromMemory(entry, cost, now())
      if (verdict) resolve(verdict)
      return !verdict
    })
    others.shift()?.resolve(undefined)
    entry.waiting.push(...others)
  }

  async function reach({ limits, limiter }: Entry, ask: Ask, at: number): Promise<Answer> {
    return namespace.getByName(limiter).spend(ask, limits.rule, at)
  }

  function giveUp(entry: Entry, error: unknown): void {
    log({ level: "error", event: "limiter_not_reached", class: entry.limits.name, causes: [String(error)] })
    entry.call = undefined
    entry.turn = ""
    entry.downUntil = now() + DOWN_MS
    for (const { resolve } of entry.waiting.splice(0)) resolve(downVerdict(entry))
  }

  return { spend, knownRefusal }
}

function remember(entries: Map<string, Entry>, limits: LimitClass, subject: string, now: number): Entry {
  const [oldest] = entries
  if (oldest && (entries.size >= MOST_REMEMBERED || isForgettable(oldest[1], now))) entries.delete(oldest[0])
  const entry: Entry = {
    limits,
    limiter: `rate:${limits.name}:${subject}`,
    debt: 0,
    at: 0,
    others: 0,
    turn: "",
    lease: 0,
    used: 0,
    until: 0,
    refusedCost: Number.POSITIVE_INFINITY,
    refusedUntil: 0,
    downUntil: 0,
    call: undefined,
    waiting: [],
  }
  entries.set(subject, entry)
  return entry
}

/** Then the limiter knows as much. */
function isForgettable({ limits, debt, at, until, refusedUntil, downUntil, call }: Entry, now: number): boolean {
  const drained = at + drainMs(debt, limits.rule)
  return !call && Math.max(drained, until, refusedUntil, downUntil) <= now
}

function fromMemory(entry: Entry, cost: number, now: number): Verdict | undefined {
  if (cost <= entry.lease && now < entry.until) {
    const { rule } = entry.limits
    entry.debt = drain(entry.debt, now - entry.at, rule) + cost * rule.windowMs
    entry.at = Math.max(entry.at, now)
    entry.lease -= cost
    entry.used += cost
    return passed(entry, now)
  }
  return refusedFromMemory(entry, cost, now) ?? (now < entry.downUntil ? downVerdict(entry) : undefined)
}

function refusedFromMemory(entry: Entry, cost: number, now: number): Verdict | undefined {
  const isRefused = cost >= entry.refusedCost && now < entry.refusedUntil
  return isRefused ? refused(entry, cost, entry.refusedUntil, now) : undefined
}

function reportOf({ turn, used, debt, at }: Entry): Report | undefined {
  return turn === "" ? undefined : { turn, used, debt, at }
}

function learn(entry: Entry, { costs }: Ask, { waits, debt, at, others, turn, lease, until }: Answer): void {
  Object.assign(entry, { debt, at, others, turn, lease, until, used: 0, call: undefined })
  entry.refusedCost = Number.POSITIVE_INFINITY
  for (const [index, wait] of waits.entries()) {
    if (wait === 0 || costs[index]! >= entry.refusedCost) continue
    entry.refusedCost = costs[index]!
    entry.refusedUntil = wait
  }
}

function passed({ debt, at, others, limits }: Entry, now: number): Verdict {
  const { rule } = limits
  const owed = drain(debt, now - at, rule)
  const free = freeUnits(owed, others, rule)
  const nextMs = drainMs(owed - (rule.burst - others - free - 1) * rule.windowMs, rule)
  return { passes: true, limit: `"${limits.name}";r=${free};t=${seconds(nextMs)}`, retryAfterS: 0 }
}

/** @param until The time at which it passes. */
function refused({ debt, at, others, limits }: Entry, cost: number, until: number, now: number): Verdict {
  // what has drained since the limiter was asked doesn't make this answer look wrong
  const free = Math.min(cost - 1, freeUnits(drain(debt, now - at, limits.rule), others, limits.rule))
  const retryAfterS = seconds(until - now)
  return { passes: false, limit: `"${limits.name}";r=${free};t=${retryAfterS}`, retryAfterS }
}

function downVerdict({ limits }: Entry): Verdict {
  return { passes: limits.passesWhenDown, limit: undefined, retryAfterS: limits.passesWhenDown ? 0 : 1 }
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}
