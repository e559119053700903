/** The Worker's side of the limits against guessing: asks the limiters of an account and of an address. */

import { sha256 } from "../auth/secrets.ts"
import type { Clock } from "../core/clock.ts"
import type { Later } from "../core/later.ts"
import { SelvedgeError } from "../core/problem.ts"
import { addressKey } from "./address-key.ts"
import { type EventFlow, GUESSING, type GuessFlow, type Limit, type Limits } from "./guessing.ts"
import type { Begun, Limiter, Taken } from "./limiter.ts"
import type { Outcome } from "./tally.ts"

export interface AttemptsOptions {
  readonly namespace: DurableObjectNamespace<Limiter>
  readonly now: Clock
}

/** On whom is counted. */
export interface Subject<F> {
  readonly flow: F
  /**
   * A user's id or an e-mail address, spelled as accounts are looked up; never stored, only its hash. Of mails, the
   * recipient. Needed wherever `GUESSING` has a limit by account.
   */
  readonly account?: string | undefined
  /** `CF-Connecting-IP`; without one, the caller shares a bucket with all others who have none. */
  readonly address: string | null | undefined
}

export interface Guess extends Subject<GuessFlow> {
  /** Takes work that may end after the answer, such as `waitUntil`. It rejects when a limiter can't be reached. */
  readonly later: Later
}

/**
 * Every method throws `rate_limited` with `Retry-After`, or `overloaded` when a limiter can't be reached: then nobody
 * may guess.
 */
export interface Attempts {
  /**
   * Runs one guess. Of many at once, as many as the limit leaves fail, and the right ones all pass.
   *
   * @param run Says whether the guess was right. What it throws is a failure too.
   */
  guess<T>(guess: Guess, run: () => Promise<{ ok: boolean; value: T }>): Promise<T>
  /** Counts one event, before it happens. */
  count(event: Subject<EventFlow>): Promise<void>
  /** Forgets failed guesses, after the account's owner has proved to be the one. */
  clear(flow: GuessFlow, account: string): Promise<void>
}

interface Counted {
  readonly limiter: DurableObjectStub<Limiter>
  readonly flow: string
  readonly limit: Limit
}

interface Reservation {
  readonly limiter: DurableObjectStub<Limiter>
  readonly ticket: string
}

const UNREACHABLE_RETRY_S = 1

export function createAttempts({ namespace, now }: AttemptsOptions): Attempts {
  return {
    async guess({ later, ...subject }, run) {
      const reservations = await reserve(limitersOf(namespace, subject), now, later)
      let outcome: Outcome = "failed"
      try {
        const { ok, value } = await run()
        if (ok) outcome = "succeeded"
        return value
      } finally {
        later(settle(reservations, outcome))
      }
    },
    async count(subject) {
      // the address first: one that is refused must not use up what a recipient may get
      for (const { limiter, flow, limit } of limitersOf(namespace, subject)) {
        const taken = await reach<Taken>(async () => limiter.take(flow, limit.limit, limit.windowMs, now()))
        if ("retryAfterS" in taken) throw refuse(taken.retryAfterS)
      }
    },
    async clear(flow, account) {
      const limiter = namespace.getByName(accountName(account))
      await reach(() => limiter.clear(flow))
    },
  }
}

/** The address first, then the account: one that is refused must not use up what others may get. */
function limitersOf(
  namespace: DurableObjectNamespace<Limiter>,
  { flow, account, address }: Subject<GuessFlow | EventFlow>,
): Counted[] {
  const limits: Limits = GUESSING[flow]
  const from = addressKey(address)
  const counted: Counted[] = []
  if (limits.address) {
    counted.push({ limiter: namespace.getByName(`address:${from}`), flow, limit: limits.address })
  }
  if (limits.account) {
    if (account === undefined) throw new TypeError(`${flow} is counted by account, and none was given`)
    const limiter = namespace.getByName(accountName(account))
    if (limits.both) counted.push({ limiter, flow: `${flow} from ${from}`, limit: limits.both })
    counted.push({ limiter, flow, limit: limits.account })
  }
  return counted
}

/** No e-mail address stands in an object's name. */
function accountName(account: string): string {
  return `account:${sha256(account)}`
}

/**
 * All at once as long as nobody waits. Waiting is done one after the other, in the same order by everybody: two guesses
 * that each held what the other waits for would never end. And who waits for an account holds only their own address.
 */
async function reserve(counted: Counted[], now: Clock, later: Guess["later"]): Promise<Reservation[]> {
  const begun = await Promise.allSettled(counted.map((one) => begin(one, now(), false)))
  const reservations = begun.flatMap((result, index) =>
    result.status === "fulfilled" ? reservationsOf(counted[index]!, result.value) : [],
  )
  if (reservations.length === counted.length) return reservations
  if (reservations.length > 0) later(settle(reservations, "released"))
  for (const result of begun) if (result.status === "rejected") throw result.reason
  const answers = begun.map((result) => (result as PromiseFulfilledResult<Begun>).value)
  const refusals = answers.filter((answer) => "retryAfterS" in answer)
  if (refusals.length > 0) throw refuse(Math.max(...refusals.map(({ retryAfterS }) => retryAfterS)))
  return reserveInOrder(counted, now, later)
}

async function reserveInOrder(counted: Counted[], now: Clock, later: Guess["later"]): Promise<Reservation[]> {
  const reservations: Reservation[] = []
  try {
    for (const one of counted) {
      const begun = await begin(one, now(), true)
      if ("retryAfterS" in begun) throw refuse(begun.retryAfterS)
      reservations.push(...reservationsOf(one, begun))
    }
    return reservations
  } catch (error) {
    if (reservations.length > 0) later(settle(reservations, "released"))
    throw error
  }
}

function begin({ limiter, flow, limit }: Counted, now: number, wait: boolean): Promise<Begun> {
  return reach<Begun>(async () => limiter.begin([{ flow, ...limit }], now, { wait }))
}

function reservationsOf({ limiter }: Counted, begun: Begun): Reservation[] {
  return "ticket" in begun ? [{ limiter, ticket: begun.ticket }] : []
}

async function settle(reservations: Reservation[], outcome: Outcome): Promise<void> {
  await Promise.all(reservations.map(({ limiter, ticket }) => limiter.settle(ticket, outcome)))
}

async function reach<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    const headers = { "Retry-After": String(UNREACHABLE_RETRY_S) }
    throw new SelvedgeError("overloaded", "Attempts can't be counted at the moment", { headers, cause })
  }
}

function refuse(retryAfterS: number): SelvedgeError {
  return new SelvedgeError("rate_limited", "Too many attempts: try again later", {
    headers: { "Retry-After": String(retryAfterS) },
  })
}
