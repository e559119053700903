/** What every request passes through: its id, its caller, the common headers, and one line in the log. */

import type { MiddlewareHandler } from "hono"
import type { Collections } from "../../access/model.ts"
import { authenticate } from "../../auth/authenticate.ts"
import type { Keys } from "../../auth/keys.ts"
import { sweepQueries } from "../../auth/sweep.ts"
import type { Tokens } from "../../auth/tokens.ts"
import { ANONYMOUS } from "../../core/caller.ts"
import type { Clock } from "../../core/clock.ts"
import { Database, type Epochs } from "../../db/database.ts"
import { sweepAnswers } from "../../records/idempotency.ts"
import type { AppEnv, RequestState } from "../context.ts"
import { completeHeaders } from "../reply.ts"
import { RequestRouteContext } from "../route-context.ts"
import { setCaller } from "../strict.ts"

export interface FrameOptions {
  readonly d1: D1Database
  readonly collections: Collections
  readonly tokens: Tokens
  readonly keys: Keys
  readonly now: Clock
  readonly epochs: Epochs
  /** Takes one structured line; errors have the level `error`. */
  readonly log: (line: Record<string, unknown> & { level: "info" | "error" }) => void
}

const REQUEST_ID = /^[\w.-]{1,64}$/
/** W3C Trace Context: version, trace id, parent id, flags. */
const TRACE_PARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/
/** One write in so many also sweeps what nobody needs any more. */
const WRITES_PER_SWEEP = 200

export function frame(options: FrameOptions): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const started = options.now()
    const request = c.req.raw
    const trace = TRACE_PARENT.exec(request.headers.get("traceparent") ?? "")?.[1]
    const state = openState(options, request)
    const { requestId, db } = state
    c.set("state", state)
    c.set("ctx", new RequestRouteContext(state))
    await next()
    const { status } = c.res
    if (!state.complete) completeHeaders(state, c.res.headers)
    if (c.error && status >= 500)
      options.log({ level: "error", event: "failure", requestId, causes: causesOf(c.error) })
    const { caller } = state
    options.log({
      level: status >= 500 ? "error" : "info",
      event: "request",
      requestId,
      trace,
      method: request.method,
      route: c.req.path,
      status,
      durationMs: options.now() - started,
      caller: caller.kind,
      callerId: caller.kind === "user" ? caller.id : undefined,
      trips: db.cost.trips,
      statements: db.cost.statements,
      rowsRead: db.cost.rowsRead,
      rowsWritten: db.cost.rowsWritten,
    })
    if (db.cost.rowsWritten > 0 && Math.random() * WRITES_PER_SWEEP < 1)
      c.executionCtx.waitUntil(db.write([sweepAnswers(options.now()), ...sweepQueries(options.now())]))
  }
}

/** Tells who asks; stands behind CORS, so that a browser may read the refusal of a bad token. */
export function identify({ tokens, keys }: Pick<FrameOptions, "tokens" | "keys">): MiddlewareHandler<AppEnv> {
  return (c, next) => {
    const state = c.get("state")
    const caller = authenticate(c.req.raw.headers.get("Authorization"), tokens, keys)
    if (caller instanceof Promise) return caller.then((known) => setCaller(state, known)).then(next)
    setCaller(state, caller)
    return next()
  }
}

function openState({ d1, epochs, collections, keys, now }: FrameOptions, request: Request): RequestState {
  const given = request.headers.get("X-Request-Id")
  const db = new Database(d1, epochs, request.headers.get("Selvedge-Bookmark") ?? undefined)
  return {
    requestId: given && REQUEST_ID.test(given) ? given : crypto.randomUUID(),
    db,
    keys,
    caller: ANONYMOUS,
    records: { collections, caller: ANONYMOUS, db, now },
    claim: undefined,
    complete: false,
  }
}

/** What went wrong inside, for the operator alone. */
function causesOf(error: Error): string[] {
  const causes: string[] = []
  for (let cause: unknown = error; cause instanceof Error && causes.length < 5; cause = cause.cause)
    causes.push(cause.stack ?? String(cause))
  return causes
}
