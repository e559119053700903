/** What every request passes through: its id, its caller, the common headers, and one line in the log. */

import { DrizzleQueryError } from "drizzle-orm/errors"
import type { MiddlewareHandler } from "hono"
import { authenticate } from "../../auth/authenticate.ts"
import type { Tokens } from "../../auth/tokens.ts"
import type { SinkStatus } from "../../changes/sink.ts"
import type { Later } from "../../core/later.ts"
import { admin } from "../admin.ts"
import type { AppEnv } from "../context.ts"
import { unlistedOrigin } from "../origin.ts"
import { completeHeaders } from "../reply.ts"
import { OpenRequest, type RequestSurroundings } from "../request-state.ts"
import { RequestRouteContext } from "../route-context.ts"
import { showCost } from "../show-cost.ts"

export interface FrameOptions extends RequestSurroundings {
  readonly tokens: Tokens
  /** Origins of sites that may call from a browser. */
  readonly origins: readonly string[]
  readonly feed: {
    /** Tells it that something was committed. */
    wake(): Promise<void>
    status(): Promise<SinkStatus[]>
  }
  /** Whether this is a developer's machine, where every answer says what it cost. */
  readonly isLocal: boolean
  /** Takes one structured line; errors have the level `error`. */
  readonly log: (line: Record<string, unknown> & { level: "info" | "error" }) => void
}

export function frame(options: FrameOptions): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const started = options.now()
    const startedAt = performance.now()
    const request = c.req.raw
    const later = laterOf(c.executionCtx, options)
    const state = new OpenRequest(options, request, later)
    const { requestId, trace, db } = state
    c.set("state", state)
    c.set("ctx", new RequestRouteContext(state))
    await next()
    const { status } = c.res
    const mayHaveWritten = !db.written.isEmpty
    if (mayHaveWritten)
      await db
        .catchUp()
        .catch((error) => options.log({ level: "error", event: "failure", requestId, causes: causesOf(error) }))
    if (!state.complete) completeHeaders(c)
    if (mayHaveWritten) options.cache.wrote(db.written, db.toldBookmark())
    const { caller } = state
    if (options.isLocal || (caller.kind === "user" && admin(caller)))
      showCost(state, performance.now() - startedAt, c.res.headers)
    const failure = status >= 500 ? c.error : state.failure
    if (failure) options.log({ level: "error", event: "failure", requestId, causes: causesOf(failure) })
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
      // the browser keeps the answer from such a site, and tells its script nothing of why
      unlistedOrigin: unlistedOrigin(request, options.origins),
      ...db.cost,
    })
    if (mayHaveWritten) later(options.feed.wake())
  }
}

/** Tells who asks; stands behind CORS, so that a browser may read the refusal of a bad token. */
export function identify({ tokens, keys }: Pick<FrameOptions, "tokens" | "keys">): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const state = c.get("state")
    const startedAt = performance.now()
    const caller = authenticate(c.req.raw.headers.get("Authorization"), tokens, keys)
    state.caller = caller instanceof Promise ? await caller : caller
    state.timing.auth = performance.now() - startedAt
    await next()
  }
}

/** Takes work that ends after the answer; its failure is an error in the log. */
export function laterOf(execution: Pick<ExecutionContext, "waitUntil">, { log }: Pick<FrameOptions, "log">): Later {
  return (work) =>
    execution.waitUntil(
      work.catch((error: unknown) => log({ level: "error", event: "failure", causes: causesOf(error) })),
    )
}

/** What went wrong inside, for the operator alone. */
function causesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)]
  const causes: string[] = []
  for (let cause: unknown = error; cause instanceof Error && causes.length < 5; cause = cause.cause)
    causes.push(withoutValues(cause))
  return causes
}

/** Drizzle's own message ends with the values of the statement, which may be anybody's. */
function withoutValues(error: Error): string {
  const text = error.stack ?? String(error)
  return error instanceof DrizzleQueryError ? text.replace(error.message, () => `Failed query: ${error.query}`) : text
}
