/** Counts each request on its caller, and refuses the excess. */

import type { Context, MiddlewareHandler, Next } from "hono"
import { needsLookup } from "../../auth/authenticate.ts"
import type { Keys } from "../../auth/keys.ts"
import type { Caller } from "../../core/caller.ts"
import { SelvedgeError } from "../../core/problem.ts"
import { addressKey } from "../../limits/address-key.ts"
import type { Charge, Limits } from "../../limits/charges.ts"
import type { Rates, Verdict } from "../../limits/rates.ts"
import type { AppEnv, RequestState } from "../context.ts"
import { UNLIMITED_PATH } from "../limited.ts"
import { problemResponse } from "../problem.ts"
import { replaceAnswer, setRateHeaders } from "../reply.ts"
import { type BatchedWrite, type Charging, createCharging, mayRunBeside } from "../request-charge.ts"

export interface LimitOptions {
  readonly limits: Limits
  readonly rates: Rates
  readonly keys: Keys
}

export interface LimitMiddleware extends Pick<Charging, "learnRoutes"> {
  readonly handler: MiddlewareHandler<AppEnv>
  /** What operations of a batch spend beside the batch. @throws SelvedgeError when they may not. */
  spendBatch(c: Context<AppEnv>, operations: readonly BatchedWrite[]): Promise<void>
}

/** @param identify Runs first: whoever is refused there counts by address, so that guessing tokens is limited too. */
export function limit({ limits, rates, keys }: LimitOptions, identify: MiddlewareHandler<AppEnv>): LimitMiddleware {
  const { chargeFor, batchCharges, learnRoutes } = createCharging(limits)

  const handler: MiddlewareHandler<AppEnv> = (c, next) => {
    if (needsLookup(c.req.raw.headers.get("Authorization"), keys)) requireNoRefusal(c)
    let isKnown = false
    const identified = identify(c, async () => {
      isKnown = true
      await spendAndGo(c, next)
    })
    return identified.catch((error: unknown) => {
      if (isKnown || !isBadToken(error)) throw error
      return refuseStranger(c, error)
    })
  }

  /** Else keys that are made up would ask the database without end. */
  function requireNoRefusal(c: Context<AppEnv>): void {
    const charge = chargeFor(c)
    const verdict = rates.knownRefusal(charge.limits, strangerOf(c.req.raw), charge.cost)
    if (!verdict) return
    settle(c.get("state"), charge, verdict, performance.now())
  }

  async function spendAndGo(c: Context<AppEnv>, next: Next): Promise<void> {
    const { caller } = c.get("state")
    if (caller.kind === "service" || c.req.path === UNLIMITED_PATH) return next()
    const state = c.get("state")
    const charge = chargeFor(c)
    const startedAt = performance.now()
    const verdict = rates.spend(charge.limits, subjectOf(caller, c.req.raw), charge.cost, state)
    if (verdict instanceof Promise && mayRunBeside(c.req)) return goMeanwhile(c, next, charge, verdict, startedAt)
    settle(state, charge, verdict instanceof Promise ? await verdict : verdict, startedAt)
    return next()
  }

  async function refuseStranger(c: Context<AppEnv>, error: unknown): Promise<never> {
    const charge = chargeFor(c)
    const state = c.get("state")
    const startedAt = performance.now()
    const verdict = await rates.spend(charge.limits, strangerOf(c.req.raw), charge.cost, state)
    settle(state, charge, verdict, startedAt)
    throw error
  }

  async function spendBatch(c: Context<AppEnv>, operations: readonly BatchedWrite[]): Promise<void> {
    const state = c.get("state")
    const { caller } = state
    if (caller.kind === "service") return
    for (const charge of batchCharges(operations)) {
      const startedAt = performance.now()
      const verdict = await rates.spend(charge.limits, subjectOf(caller, c.req.raw), charge.cost, state)
      settle(state, charge, verdict, startedAt)
    }
  }

  return { handler, spendBatch, learnRoutes }
}

/** Else it is the database that can't tell who asks. */
function isBadToken(error: unknown): boolean {
  return error instanceof SelvedgeError && (error.code === "unauthenticated" || error.code === "token_expired")
}

function subjectOf(caller: Caller, request: Request): string {
  if (caller.key !== undefined) return `key:${caller.key}`
  return caller.kind === "user" ? `user:${caller.id}` : addressOf(request)
}

function addressOf({ headers }: Request): string {
  return `address:${addressKey(headers.get("CF-Connecting-IP"))}`
}

/** Whose token is bad: counted apart, so that whoever only asks much keeps no key of a neighbour's from being looked up. */
function strangerOf(request: Request): string {
  return `stranger:${addressOf(request)}`
}

/** The answer to a read is made while the limiter is asked, and thrown away when it refuses. */
async function goMeanwhile(
  c: Context<AppEnv>,
  next: Next,
  charge: Charge,
  asked: Promise<Verdict>,
  startedAt: number,
): Promise<void> {
  const state = c.get("state")
  let isLate = false
  const verdict = asked.then((known) => {
    isLate = state.complete
    note(state, charge, known, startedAt)
    return known
  })
  await next()
  const refusal = refusalOf(await verdict)
  if (refusal) replaceAnswer(c, problemResponse(refusal, c.req.path, state))
  else if (isLate) setRateHeaders(state, c.res.headers)
}

function note(state: RequestState, { limits }: Charge, verdict: Verdict, startedAt: number): void {
  state.rate = { policy: limits.policy, limit: verdict.limit }
  state.timing.limit = performance.now() - startedAt
}

/** @throws SelvedgeError for a refusal. */
function settle(state: RequestState, charge: Charge, verdict: Verdict, startedAt: number): void {
  note(state, charge, verdict, startedAt)
  const refusal = refusalOf(verdict)
  if (refusal) throw refusal
}

function refusalOf({ passes, limit, retryAfterS }: Verdict): SelvedgeError | undefined {
  if (passes) return undefined
  const headers = { "Retry-After": String(retryAfterS) }
  if (limit === undefined)
    return new SelvedgeError("overloaded", "Requests can't be counted at the moment.", { headers })
  const wait = retryAfterS === 1 ? "a second" : `${retryAfterS} seconds`
  return new SelvedgeError("rate_limited", `Too many requests: try again in ${wait}.`, { headers })
}
