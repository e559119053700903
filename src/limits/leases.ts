/**
 * What the limiter of one caller remembers and decides. Units that an isolate has on lease are held: they neither count
 * as spent nor drain, until the isolate says how many it has used, or the lease ends and all of them count as spent
 * then. So what is really spent never exceeds the limit, however late it is told.
 */

import { drain, drainMs, fits, freeUnits, type Rule } from "./gcra.ts"

export interface Lease {
  /** The turn in which it was given. */
  readonly turn: string
  readonly units: number
  readonly until: number
}

export interface Account {
  /** Ticks, as of `at`; leases not counted. */
  readonly debt: number
  readonly at: number
  /** Units of the debt that may have been spent, and drained, before they were told of. */
  readonly late: number
  /** Changes with everything that is given: who knows it knows all that happened. */
  readonly turn: string
  /** The first to end comes first. */
  readonly leases: readonly Lease[]
}

/** What an isolate knows that the account doesn't: what it has used of its lease, and the debt with that. */
export interface Report {
  readonly turn: string
  readonly used: number
  readonly debt: number
  readonly at: number
}

export interface Ask {
  /** Of requests that wait, in the order in which they came; may be none. */
  readonly costs: readonly number[]
  readonly report: Report | undefined
}

export interface Answer {
  /** One for each cost: 0 where it was spent, else the time at which it fits, if nobody else spends meanwhile. */
  readonly waits: readonly number[]
  /** With all that this isolate has spent. */
  readonly debt: number
  readonly at: number
  /** Units that other isolates hold. */
  readonly others: number
  readonly turn: string
  /** Units on lease. */
  readonly lease: number
  readonly until: number
}

export interface Decision {
  readonly account: Account
  readonly answer: Answer
  /** Whether the account has to be stored. */
  readonly changed: boolean
}

/** A lease is at most this part of the limit, and of the burst. */
const LEASE_PART = 20
/** A lease ends after half a window, within these bounds. */
const SHORTEST_LEASE_MS = 2_000
const LONGEST_LEASE_MS = 30_000

/** @param turn A new one, used when something is given. */
export function decide(stored: Account | undefined, rule: Rule, ask: Ask, now: number, turn: string): Decision {
  const { report } = ask
  const isUpToDate = report !== undefined && report.turn === stored?.turn
  const returned = stored?.leases.some((lease) => lease.turn === report?.turn) ?? false
  const before = takeBack(stored ?? empty(now), rule, report, isUpToDate, now)
  const at = Math.max(now, before.at)
  let debt = before.debt
  const others = heldUnits(before.leases)
  const passed = ask.costs.map((cost) => {
    const passes = fits(debt, others, cost, rule)
    if (passes) debt += cost * rule.windowMs
    return passes
  })
  const isAlone = before.leases.length === 0 && (isUpToDate || debtless(stored, rule, at))
  const lease = leaseUnits({ ...before, debt }, rule, isAlone)
  const until = at + leaseMs(rule)
  const changed = returned || lease > 0 || passed.includes(true)
  const leases = lease > 0 ? [...before.leases, { turn, units: lease, until }] : before.leases
  const account = { debt, at, late: before.late, turn: changed ? turn : (stored?.turn ?? turn), leases }
  const waits = passed.map((passes, index) =>
    passes ? 0 : fitsAt({ ...account, leases: before.leases }, rule, ask.costs[index]!),
  )
  const known = changed ? turn : isUpToDate ? report.turn : ""
  return { account, changed, answer: { waits, debt, at, others, turn: known, lease, until } }
}

/** When nothing of the account is left to remember, if nothing is added. */
export function forgottenAt(account: Account, rule: Rule): number {
  const last = account.leases.at(-1)
  const { debt, at } = last ? advance(account, rule, last.until) : account
  return Math.max(at, last?.until ?? 0) + drainMs(debt, rule)
}

function empty(now: number): Account {
  return { debt: 0, at: now, late: 0, turn: "", leases: [] }
}

/** As of now, without what the isolate had on lease. */
function takeBack(account: Account, rule: Rule, report: Report | undefined, isUpToDate: boolean, now: number): Account {
  const leases = account.leases.filter((lease) => lease.turn !== report?.turn)
  // nobody else has come since: what the isolate says is exact, also where its lease has ended meanwhile
  if (report && isUpToDate) return advance({ ...account, debt: report.debt, at: report.at, leases }, rule, now)
  const present = advance(account, rule, now)
  const own = present.leases.find((lease) => lease.turn === report?.turn)
  if (!own || !report) return present
  const debt = present.debt + report.used * rule.windowMs
  const rest = present.leases.filter((lease) => lease !== own)
  return { ...present, debt, late: present.late + report.used, leases: rest }
}

/** Drains, and counts the leases that have ended as spent. */
function advance(account: Account, rule: Rule, now: number): Account {
  let { debt, at, late } = account
  let ended = 0
  const drainUntil = (time: number) => {
    debt = drain(debt, time - at, rule)
    at = Math.max(at, time)
    if (debt === 0) late = 0
  }
  for (const lease of account.leases) {
    if (lease.until > now) break
    drainUntil(lease.until)
    debt += lease.units * rule.windowMs
    late += lease.units
    ended++
  }
  drainUntil(now)
  // a class that was declared anew may be smaller
  debt = Math.min(debt, rule.burst * rule.windowMs)
  return { ...account, debt, at, late, leases: account.leases.slice(ended) }
}

function debtless(stored: Account | undefined, rule: Rule, at: number): boolean {
  return stored === undefined || forgottenAt(stored, rule) <= at
}

/**
 * None unless more than half of the burst is left. What the others hold, and what they may have told late, is what a
 * caller may be refused early: at most one whole lease for each isolate but one.
 */
function leaseUnits({ debt, late, leases }: Account, rule: Rule, isAlone: boolean): number {
  const held = heldUnits(leases)
  if (freeUnits(debt, held, rule) * 2 <= rule.burst) return 0
  const whole = Math.floor(Math.min(rule.limit, rule.burst) / LEASE_PART)
  const room = whole * Math.max(1, leases.length) - held - late
  return Math.max(0, Math.min(whole, isAlone ? room : Math.ceil(room / 2)))
}

function leaseMs({ windowMs }: Rule): number {
  return Math.min(LONGEST_LEASE_MS, Math.max(SHORTEST_LEASE_MS, windowMs / 2))
}

function heldUnits(leases: readonly Lease[]): number {
  let units = 0
  for (const lease of leases) units += lease.units
  return units
}

/** The time at which a cost fits, as if every lease were used up. */
function fitsAt(account: Account, rule: Rule, cost: number): number {
  let present = account
  for (;;) {
    const missing = present.debt - (rule.burst - heldUnits(present.leases) - cost) * rule.windowMs
    const next = present.leases[0]
    if (missing <= present.debt || !next) return present.at + drainMs(missing, rule)
    present = advance(present, rule, next.until)
  }
}
