/** Strict routes: the caller is the one of the database at this moment. */

import type { Context, MiddlewareHandler } from "hono"
import { standingCaller } from "../auth/standing.ts"
import type { Caller } from "../core/caller.ts"
import type { AppEnv, RequestState } from "./context.ts"

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
  setCaller(state, await standingCaller({ caller, db, now: records.now }, authorization, keys))
}

export function setCaller(state: RequestState, caller: Caller): void {
  if (caller === state.caller) return
  state.caller = caller
  state.records = { ...state.records, caller }
}
