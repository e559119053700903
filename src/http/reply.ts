/** The headers that every answer carries. */

import type { Context } from "hono"
import type { AppEnv, RequestState } from "./context.ts"

const VARY = "Origin, Authorization, Accept"

const FIXED_HEADERS = {
  "Cache-Control": "private, no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
}

/** An answer with all its headers given at once: each one that is set later crosses into the runtime by itself. */
export function reply(
  state: RequestState,
  body: string | Uint8Array | ReadableStream | null,
  status: number,
  headers: Record<string, string>,
): Response {
  state.complete = true
  const bookmark = state.db.bookmark()
  const all: Record<string, string> = { ...FIXED_HEADERS, Vary: VARY, "X-Request-Id": state.requestId, ...headers }
  if (bookmark) all["Selvedge-Bookmark"] ??= bookmark
  if (state.rate) {
    all["RateLimit-Policy"] = state.rate.policy
    if (state.rate.limit !== undefined) all.RateLimit = state.rate.limit
  }
  return new Response(body, { status, headers: all })
}

/** The headers of answers that differ in body, status and request alone; the runtime copies them faster than it makes them. */
export function sharedHeaders(headers: Record<string, string>): Headers {
  return new Headers({ ...FIXED_HEADERS, Vary: VARY, ...headers })
}

/** @param shared As {@link sharedHeaders} has made them, with a bookmark among them. */
export function replyShared(state: RequestState, body: Uint8Array, status: number, shared: Headers): Response {
  state.complete = true
  const response = new Response(body, { status, headers: shared })
  const { headers } = response
  headers.set("X-Request-Id", state.requestId)
  setRateHeaders(state, headers)
  return response
}

/** Adds the common headers to an answer that was made without them; its own stay as they are. */
export function completeHeaders(c: Context<AppEnv>): void {
  const state = c.get("state")
  const headers = changeable(c, state)
  for (const [name, value] of Object.entries(FIXED_HEADERS)) if (!headers.has(name)) headers.set(name, value)
  const own = headers.get("Vary")?.split(/,\s*/) ?? []
  headers.set("Vary", [...new Set([...VARY.split(", "), ...own])].join(", "))
  const bookmark = state.db.bookmark()
  // a kept answer has its own, which says less than a newer one that is made meanwhile
  if (bookmark && !headers.has("Selvedge-Bookmark")) headers.set("Selvedge-Bookmark", bookmark)
  setRateHeaders(state, headers)
}

/** An answer that the application got from elsewhere, such as by `fetch`, has headers that can't be set. */
function changeable(c: Context<AppEnv>, { requestId }: RequestState): Headers {
  try {
    c.res.headers.set("X-Request-Id", requestId)
  } catch {
    c.res = new Response(c.res.body, c.res)
    c.res.headers.set("X-Request-Id", requestId)
  }
  return c.res.headers
}

/** Of the one before it nothing stays but what tells a browser which sites may read it. */
export function replaceAnswer(c: Context<AppEnv>, answer: Response): void {
  const allowed = [...c.res.headers].filter(([name]) => name.startsWith("access-control-"))
  c.res = undefined
  c.res = answer
  for (const [name, value] of allowed) c.res.headers.set(name, value)
}

export function setRateHeaders({ rate }: RequestState, headers: Headers): void {
  if (!rate) return
  headers.set("RateLimit-Policy", rate.policy)
  if (rate.limit !== undefined) headers.set("RateLimit", rate.limit)
}
