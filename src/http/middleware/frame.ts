/** What every request passes through: its id, its caller, the common headers, and one line in the log. */

import type { MiddlewareHandler } from "hono"
import type { Collections } from "../../access/model.ts"
import { authenticate } from "../../auth/authenticate.ts"
import type { Keys } from "../../auth/keys.ts"
import type { Tokens } from "../../auth/tokens.ts"
import type { SinkStatus } from "../../changes/sink.ts"
import { ANONYMOUS } from "../../core/caller.ts"
import type { Clock } from "../../core/clock.ts"
import { Database, type Epochs } from "../../db/database.ts"
import { createDispatcher, type DispatchOptions } from "../../jobs/dispatch.ts"
import { createEnqueue } from "../../jobs/enqueue.ts"
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
  readonly dispatch: Pick<DispatchOptions, "queue" | "clock" | "state">
  readonly feed: {
    /** Tells it that something was committed. */
    wake(): Promise<void>
    status(): Promise<SinkStatus[]>
  }
  /** Takes one structured line; errors have the level `error`. */
  readonly log: (line: Record<string, unknown> & { level: "info" | "error" }) => void
}

const REQUEST_ID = /^[\w.-]{1,64}$/
/** W3C Trace Context: version, trace id, parent id, flags. */
const TRACE_PARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/
const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"]

export function frame(options: FrameOptions): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const started = options.now()
    const request = c.req.raw
    const trace = TRACE_PARENT.exec(request.headers.get("traceparent") ?? "")?.[1]
    const later = laterOf(c.executionCtx, options)
    const state = openState(options, request, trace, later)
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
      ...db.cost,
    })
    // not every statement of an application's own tells how many rows it wrote
    const mayHaveWritten = db.cost.rowsWritten > 0 || (db.cost.trips > 0 && !SAFE_METHODS.includes(request.method))
    if (mayHaveWritten) later(options.feed.wake())
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

type Later = (work: Promise<unknown>) => void

/** Takes work that ends after the answer; its failure is an error in the log. */
export function laterOf(execution: Pick<ExecutionContext, "waitUntil">, { log }: Pick<FrameOptions, "log">): Later {
  return (work) =>
    execution.waitUntil(
      work.catch((error: unknown) => log({ level: "error", event: "failure", causes: [String(error)] })),
    )
}

function openState(options: FrameOptions, request: Request, trace: string | undefined, later: Later): RequestState {
  const { d1, epochs, collections, keys, now, dispatch } = options
  const given = request.headers.get("X-Request-Id")
  const db = new Database(d1, epochs, request.headers.get("Selvedge-Bookmark") ?? undefined)
  const requestId = given && REQUEST_ID.test(given) ? given : crypto.randomUUID()
  const enqueue = createEnqueue({
    now,
    traceId: trace ?? requestId,
    write: (query) => db.write([query]),
    committed: createDispatcher({ ...dispatch, now, later }).committed,
  })
  return {
    requestId,
    db,
    keys,
    caller: ANONYMOUS,
    records: { collections, caller: ANONYMOUS, db, now, enqueue },
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
