/** What every request passes through: its id, its caller, the common headers, and one line in the log. */

import { drizzle } from "drizzle-orm/d1"
import type { MiddlewareHandler } from "hono"
import type { Collections } from "../../access/model.ts"
import { authenticate } from "../../auth/authenticate.ts"
import type { Tokens } from "../../auth/tokens.ts"
import { ANONYMOUS, type Caller, SERVICE } from "../../core/caller.ts"
import type { Clock } from "../../core/clock.ts"
import { Database, type Epochs } from "../../db/database.ts"
import { runAtomic } from "../../records/atomic.ts"
import { sweepAnswers } from "../../records/idempotency.ts"
import { createRecords, type RecordsOf } from "../../records/records.ts"
import type { AppEnv, RequestState, RouteContext } from "../context.ts"
import { completeHeaders } from "../reply.ts"

export interface FrameOptions {
  readonly d1: D1Database
  readonly collections: Collections
  readonly tokens: Tokens
  readonly now: Clock
  readonly epochs: Epochs
  /** Takes one structured line; errors have the level `error`. */
  readonly log: (line: Record<string, unknown> & { level: "info" | "error" }) => void
}

const REQUEST_ID = /^[\w.-]{1,64}$/
/** W3C Trace Context: version, trace id, parent id, flags. */
const TRACE_PARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/
/** One write in so many also sweeps stored answers that are too old. */
const WRITES_PER_SWEEP = 200

export function frame(options: FrameOptions): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const started = options.now()
    const request = c.req.raw
    const trace = TRACE_PARENT.exec(request.headers.get("traceparent") ?? "")?.[1]
    const state = openState(options, request)
    const { requestId, db } = state
    c.set("state", state)
    c.set("ctx", routeContext(options, state))
    await next()
    const { status } = c.res
    if (!state.complete) completeHeaders(state, c.res.headers)
    if (c.error && status >= 500)
      options.log({ level: "error", event: "failure", requestId, causes: causesOf(c.error) })
    options.log({
      level: status >= 500 ? "error" : "info",
      event: "request",
      requestId,
      ...(trace && { trace }),
      method: request.method,
      route: c.req.path,
      status,
      durationMs: options.now() - started,
      caller: state.caller.kind,
      ...(state.caller.kind === "user" && { callerId: state.caller.id }),
      ...db.cost,
    })
    if (db.cost.rowsWritten > 0 && Math.random() * WRITES_PER_SWEEP < 1)
      c.executionCtx.waitUntil(sweepAnswers(db, options.now()))
  }
}

/** Tells who asks; stands behind CORS, so that a browser may read the refusal of a bad token. */
export function identify(tokens: Tokens): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const caller = authenticate(c.req.raw.headers.get("Authorization"), tokens)
    setCaller(c.var.state, caller instanceof Promise ? await caller : caller)
    await next()
  }
}

function openState({ d1, epochs, collections, now }: FrameOptions, request: Request): RequestState {
  const given = request.headers.get("X-Request-Id")
  const db = new Database(d1, epochs, request.headers.get("Selvedge-Bookmark") ?? undefined)
  return {
    requestId: given && REQUEST_ID.test(given) ? given : crypto.randomUUID(),
    db,
    caller: ANONYMOUS,
    records: { collections, caller: ANONYMOUS, db, now },
    claim: undefined,
    complete: false,
  }
}

function setCaller(state: RequestState, caller: Caller): void {
  if (caller === state.caller) return
  state.caller = caller
  state.records = { ...state.records, caller }
}

/** Everything in it is made when it is first used: most requests never do. */
function routeContext({ now }: FrameOptions, state: RequestState): RouteContext {
  let answered = false
  return {
    get caller() {
      return state.caller
    },
    get db() {
      return drizzle(state.db.session as unknown as D1Database, { casing: "snake_case" })
    },
    records(caller) {
      const context = { ...state.records, caller: caller === "service" ? SERVICE : caller }
      return createRecords(context, () => {
        if (state.claim)
          throw new TypeError("an idempotent route does all its writes in one ctx.atomic(statements, answer)")
      }) as RecordsOf<Record<never, never>>
    },
    async atomic(statements, answer) {
      if (state.claim && (!answer || answered)) {
        throw new TypeError(
          "an idempotent route calls ctx.atomic(statements, answer) once, with the answer it will give",
        )
      }
      answered = true
      return runAtomic(state.records, statements, state.claim, answer)
    },
    requestId: state.requestId,
    now,
  }
}

/** What went wrong inside, for the operator alone. */
function causesOf(error: Error): string[] {
  const causes: string[] = []
  for (let cause: unknown = error; cause instanceof Error && causes.length < 5; cause = cause.cause)
    causes.push(cause.stack ?? String(cause))
  return causes
}
