/** Counts each request on its caller, and refuses the excess. */

import type { Context, MiddlewareHandler, Next } from "hono"
import { matchedRoutes } from "hono/route"
import type { RouterRoute } from "hono/types"
import { findTargetHandler } from "hono/utils/handler"
import type { LimitedAction, LimitUse } from "../../access/limit-use.ts"
import { needsLookup } from "../../auth/authenticate.ts"
import type { Keys } from "../../auth/keys.ts"
import type { Caller } from "../../core/caller.ts"
import { SelvedgeError } from "../../core/problem.ts"
import { addressKey } from "../../limits/address-key.ts"
import { type Charge, chargeOf, type Limits } from "../../limits/charges.ts"
import type { Rates, Verdict } from "../../limits/rates.ts"
import type { AppEnv, RequestState } from "../context.ts"
import { limitUseOf } from "../limited.ts"
import { problemResponse } from "../problem.ts"
import { replaceAnswer, setRateHeaders } from "../reply.ts"

export interface LimitOptions {
  readonly limits: Limits
  readonly rates: Rates
  readonly keys: Keys
}

export interface LimitMiddleware {
  readonly handler: MiddlewareHandler<AppEnv>
  /**
   * Once all routes are known.
   *
   * @throws TypeError that names the route, what is wrong there and how to mend it.
   */
  learnRoutes(routes: readonly Pick<RouterRoute, "path" | "method" | "handler">[]): void
}

/** It asks nobody, and its caller is a machine that has to know. */
const HEALTH = "/health"
const AUTH = "/v1/auth/"
/** A path of the application's own may begin with the same letters. */
const COLLECTION = /^\/v1\/(\w+)(?:\/|$)/

/** @param identify Runs first: whoever is refused there counts by address, so that guessing tokens is limited too. */
export function limit({ limits, rates, keys }: LimitOptions, identify: MiddlewareHandler<AppEnv>): LimitMiddleware {
  const routes = new Map<object, LimitUse>()

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
    note(c.get("state"), charge, verdict, performance.now())
    requirePass(verdict)
  }

  async function spendAndGo(c: Context<AppEnv>, next: Next): Promise<void> {
    const { caller } = c.get("state")
    if (caller.kind === "service" || c.req.path === HEALTH) return next()
    const state = c.get("state")
    const charge = chargeFor(c)
    const startedAt = performance.now()
    const verdict = rates.spend(charge.limits, subjectOf(caller, c.req.raw), charge.cost, state)
    if (!(verdict instanceof Promise)) {
      note(state, charge, verdict, startedAt)
      requirePass(verdict)
      return next()
    }
    // a way back from a provider writes, although it is a GET
    return isRead(c.req.raw) && !c.req.path.startsWith(AUTH)
      ? goMeanwhile(c, next, charge, verdict, startedAt)
      : goAfterwards(c, next, charge, verdict, startedAt)
  }

  async function refuseStranger(c: Context<AppEnv>, error: unknown): Promise<never> {
    const charge = chargeFor(c)
    const state = c.get("state")
    const startedAt = performance.now()
    const verdict = await rates.spend(charge.limits, strangerOf(c.req.raw), charge.cost, state)
    note(state, charge, verdict, startedAt)
    requirePass(verdict)
    throw error
  }

  function chargeFor(c: Context<AppEnv>): Charge {
    const { path, raw } = c.req
    const usual = usualCharge(path, raw)
    if (limits.collections.size > 0) {
      const [start, name = ""] = COLLECTION.exec(path) ?? []
      const charges = limits.collections.get(name)
      if (charges) return charges[actionOf(raw, start !== path)]
    }
    if (routes.size > 0) {
      for (const { handler } of matchedRoutes(c)) {
        const use = routes.get(handler)
        if (use) return chargeOf(limits.classes, path, use, usual)
      }
    }
    return usual
  }

  function usualCharge(path: string, request: Request): Charge {
    if (limits.auth && path.startsWith(AUTH)) return limits.auth
    return isRead(request) ? limits.read : limits.write
  }

  return {
    handler,
    learnRoutes(all) {
      for (const { path, method, handler } of all) {
        const use = limitUseOf(findTargetHandler(handler))
        if (!use) continue
        chargeOf(limits.classes, `${method} ${path}`, use, method === "GET" ? limits.read : limits.write)
        routes.set(handler, use)
      }
    },
  }
}

/** Else it is the database that can't tell who asks. */
function isBadToken(error: unknown): boolean {
  return error instanceof SelvedgeError && (error.code === "unauthenticated" || error.code === "token_expired")
}

function actionOf({ method, url }: Request, isRecord: boolean): LimitedAction {
  if (method === "POST") return "create"
  if (method === "PATCH" || method === "PUT") return "update"
  if (method === "DELETE") return "delete"
  if (isRecord) return "get"
  const { searchParams } = new URL(url)
  if (searchParams.has("aggregate")) return "aggregate"
  return searchParams.has("q") ? "search" : "list"
}

function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD"
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

async function goAfterwards(
  c: Context<AppEnv>,
  next: Next,
  charge: Charge,
  asked: Promise<Verdict>,
  startedAt: number,
): Promise<void> {
  const verdict = await asked
  note(c.get("state"), charge, verdict, startedAt)
  requirePass(verdict)
  await next()
}

function note(state: RequestState, { limits }: Charge, verdict: Verdict, startedAt: number): void {
  state.rate = { policy: limits.policy, limit: verdict.limit }
  state.timing.limit = performance.now() - startedAt
}

function requirePass(verdict: Verdict): void {
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
