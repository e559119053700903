/** What a request spends: which class of limits it counts on, and how much. */

import type { Context } from "hono"
import { matchedRoutes } from "hono/route"
import type { RouterRoute } from "hono/types"
import { findTargetHandler } from "hono/utils/handler"
import type { LimitedAction, LimitUse } from "../access/limit-use.ts"
import { type Charge, chargeOf, chargesOf, type Limits, putAction } from "../limits/charges.ts"
import { prefersEvents } from "./accept.ts"
import type { AppEnv } from "./context.ts"
import { limitUseOf } from "./limited.ts"

/** An operation of a batch. */
export interface BatchedWrite {
  /** Its name. */
  readonly collection: string
  readonly method: string
  /** Whether it has the condition `If-Match`. */
  readonly hasVersion: boolean
}

export interface Charging {
  chargeFor(c: Context<AppEnv>): Charge
  /**
   * What operations of a batch spend beside the batch.
   *
   * @throws SelvedgeError `payload_too_large` for more than may ever be spent at once.
   */
  batchCharges(operations: readonly BatchedWrite[]): Charge[]
  /**
   * Once all routes are known.
   *
   * @throws TypeError that names the route, what is wrong there and how to mend it.
   */
  learnRoutes(routes: readonly Pick<RouterRoute, "path" | "method" | "handler">[]): void
}

const AUTH = "/v1/auth/"
export const LIVE_PATH = "/v1/live"
/** A path of the application's own may begin with the same letters. */
const COLLECTION = /^\/v1\/(\w+)(?:\/|$)/

export function createCharging(limits: Limits): Charging {
  const routes = new Map<object, LimitUse>()

  function chargeFor(c: Context<AppEnv>): Charge {
    const { path, raw } = c.req
    const usual = usualCharge(path, raw.method)
    if (limits.collections.size > 0) {
      const [start, name = ""] = COLLECTION.exec(path) ?? []
      const charges = limits.collections.get(name)
      if (charges) return charges[actionOf(name, raw, start !== path)]
    }
    if (routes.size > 0) {
      for (const { handler } of matchedRoutes(c)) {
        const use = routes.get(handler)
        if (use) return chargeOf(limits.classes, path, use, usual)
      }
    }
    return usual
  }

  function usualCharge(path: string, method: string): Charge {
    if (limits.auth && path.startsWith(AUTH)) return limits.auth
    return isRead(method) ? limits.read : limits.write
  }

  function actionOf(collection: string, { method, headers, url }: Request, isRecord: boolean): LimitedAction {
    return isRead(method) ? readOf(url, isRecord) : writeOf(collection, method, headers.has("If-Match"))
  }

  /** Other methods than these are refused. */
  function writeOf(collection: string, method: string, hasVersion: boolean): LimitedAction {
    if (method === "PUT") return putAction(limits, collection, hasVersion)
    if (method === "PATCH") return "update"
    return method === "DELETE" ? "delete" : "create"
  }

  return {
    chargeFor,
    batchCharges(operations) {
      if (limits.collections.size === 0) return []
      const writes = operations.map(({ collection, method, hasVersion }) => ({
        collection,
        action: writeOf(collection, method, hasVersion),
      }))
      return chargesOf(limits, writes)
    },
    learnRoutes(all) {
      for (const { path, method, handler } of all) {
        const use = limitUseOf(findTargetHandler(handler))
        if (!use) continue
        for (const each of method === "ALL" ? ["GET", "POST"] : [method])
          chargeOf(limits.classes, `${method} ${path}`, use, usualCharge(path, each))
        routes.set(handler, use)
      }
    },
  }
}

/**
 * Whether it may run while the limiter is asked: a way back from a provider writes, although it is a GET, and a socket
 * that a hub has taken can't be thrown away like an answer.
 */
export function mayRunBeside({ method, path, raw }: { method: string; path: string; raw: Request }): boolean {
  return isRead(method) && !path.startsWith(AUTH) && path !== LIVE_PATH && !prefersEvents(raw)
}

function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD"
}

function readOf(url: string, isRecord: boolean): LimitedAction {
  if (isRecord) return "get"
  const { searchParams } = new URL(url)
  if (searchParams.has("aggregate")) return "aggregate"
  return searchParams.has("q") ? "search" : "list"
}
