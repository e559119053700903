/** `limited()`: which class a route of the application counts on. */

import type { MiddlewareHandler } from "hono"
import type { LimitUse } from "../access/limit-use.ts"
import type { AppEnv } from "./context.ts"

/** It asks nobody, and its caller is a machine that has to know. */
export const UNLIMITED_PATH = "/health"

const uses = new WeakMap<object, LimitUse>()

/**
 * Stands before a route's handler; `endpoint({ limit })` says the same. It does nothing itself: what the request costs
 * is known, and spent, before the first handler runs.
 *
 * @example
 * app.get("/v1/report", limited({ class: "report", cost: 10 }), handler)
 */
export function limited(use: LimitUse): MiddlewareHandler<AppEnv> {
  const handler: MiddlewareHandler<AppEnv> = (_, next) => next()
  noteLimit(handler, use)
  return handler
}

export function noteLimit(handler: object, use: LimitUse): void {
  uses.set(handler, use)
}

/** What {@link noteLimit} was told. */
export function limitUseOf(handler: object): LimitUse | undefined {
  return uses.get(handler)
}
