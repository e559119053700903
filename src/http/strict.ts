/** Strict routes: the caller is the one of the database at this moment. */

import type { Context, MiddlewareHandler } from "hono"
import { standingCaller } from "../auth/standing.ts"
import type { AppEnv } from "./context.ts"

/** Stands before routes that are strict as a whole. */
export const strict: MiddlewareHandler<AppEnv> = async (c, next) => {
  await confirmCaller(c)
  await next()
}

/** @throws SelvedgeError `unauthenticated` when the caller's session has ended, or its key is revoked. */
export async function confirmCaller(c: Context<AppEnv>): Promise<void> {
  const state = c.get("state")
  const { caller, db, keys, records } = state
  const authorization = c.req.raw.headers.get("Authorization")
  state.caller = await standingCaller({ caller, db, now: records.now }, authorization, keys)
}
