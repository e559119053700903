/** The Hono application of a backend. */

import { Hono, type MiddlewareHandler } from "hono"
import { cors } from "hono/cors"
import type { Collections } from "../access/model.ts"
import { refused } from "../access/visibility.ts"
import { SelvedgeError } from "../core/problem.ts"
import type { AppEnv } from "./context.ts"
import { methodNotAllowed } from "./methods.ts"
import { type FrameOptions, frame, identify } from "./middleware/frame.ts"
import { type LimitOptions, limit } from "./middleware/limit.ts"
import type { DocumentInfo } from "./openapi/document.ts"
import { problemResponse } from "./problem.ts"
import { batchRoute } from "./routes/batch.ts"
import { collectionRoutes } from "./routes/collections.ts"
import { documentRoutes } from "./routes/documents.ts"
import { type IncomingOptions, incomingRoutes } from "./routes/incoming.ts"
import { type LiveOptions, liveRoutes } from "./routes/live.ts"
import { operationRoutes } from "./routes/operations.ts"

/** Seconds that a browser remembers the answer to a preflight; Chromium caps it at 7,200. */
const PREFLIGHT_MAX_AGE = 7_200

export interface AppOptions extends FrameOptions, IncomingOptions, LimitOptions {
  readonly collections: Collections
  /** Without it nothing can be subscribed to. */
  readonly live?: LiveOptions | undefined
  readonly routes: ((app: Hono<AppEnv>) => unknown) | undefined
  readonly info?: DocumentInfo | undefined
  /** Each adds routes of the engine that are loaded on demand: sign-in, the operator's. */
  readonly parts: readonly ((app: Hono<AppEnv>) => void)[]
}

export function createApp(options: AppOptions): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  app.use(frame(options))
  app.use(crossOrigin(options.origins))
  const beforeIncoming = app.routes.length
  incomingRoutes(app, options)
  const incoming = app.routes.slice(beforeIncoming)
  const limits = limit(options, identify(options))
  app.use(limits.handler)
  app.onError((error, c) => problemResponse(error, c.req.path, c.get("state")))
  documentRoutes(app, () => ({ ...options, routes: ownRoutes }))
  operationRoutes(app, options)
  batchRoute(app, options.collections, limits)
  liveRoutes(app, options)
  const engineRoutes = app.routes.length
  for (const add of options.parts) add(app)
  app.use(refuseKeys(options.collections))
  options.routes?.(app)
  limits.learnRoutes(app.routes)
  const ownRoutes = [...incoming, ...app.routes.slice(engineRoutes)]
  refuseShadowing(ownRoutes, options.collections)
  refuseOtherMethods(app, ownRoutes)
  collectionRoutes(app, options.collections, options.live?.hubs)
  app.notFound(() => {
    throw new SelvedgeError("not_found", "There is nothing at this path.")
  })
  return app
}

/** A request without `Origin` comes from no other site, and most come without. */
function crossOrigin(origins: readonly string[]): MiddlewareHandler<AppEnv> {
  const options = {
    origin: [...origins],
    allowMethods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    allowHeaders: [
      "Authorization",
      "Content-Type",
      "Idempotency-Key",
      "If-Match",
      "If-None-Match",
      "Last-Event-ID",
      "Selvedge-Bookmark",
      "X-Request-Id",
      "traceparent",
    ],
    exposeHeaders: [
      "Age",
      "Cache-Status",
      "ETag",
      "Idempotency-Replayed",
      "Link",
      "Location",
      "RateLimit",
      "RateLimit-Policy",
      "Retry-After",
      "Selvedge-Bookmark",
      "Selvedge-Cost",
      "Server-Timing",
      "WWW-Authenticate",
      "X-Request-Id",
    ],
    maxAge: PREFLIGHT_MAX_AGE,
  }
  const listed = cors({ ...options, credentials: true })
  const others = cors(options)
  return (c, next) => {
    const origin = c.req.header("Origin")
    if (origin === undefined && c.req.method !== "OPTIONS") return next()
    return (origin !== undefined && origins.includes(origin) ? listed : others)(c, next).finally(() => {
      c.get("state").complete = false
    })
  }
}

/** An application's own routes know nothing of scopes, so no API key gets to them. */
function refuseKeys(collections: Collections): MiddlewareHandler<AppEnv> {
  return (c, next) => {
    const { caller } = c.get("state")
    if (!caller.scopes || collections.has(c.req.path.split("/")[2] ?? "")) return next()
    throw refused(caller)
  }
}

/** A path of the application's own that exists with another method is 405, not 404. */
function refuseOtherMethods(app: Hono<AppEnv>, routes: readonly { path: string; method: string }[]): void {
  const methods = new Map<string, Set<string>>()
  for (const { path, method } of routes) {
    if (method === "ALL") continue
    const known = methods.get(path) ?? new Set()
    methods.set(path, known.add(method))
    if (method === "GET") known.add("HEAD")
  }
  for (const [path, known] of methods) {
    app.all(path, () => {
      throw methodNotAllowed([...known])
    })
  }
}

function refuseShadowing(routes: readonly { path: string }[], collections: Collections): void {
  for (const { path } of routes) {
    const [, version, name] = path.split("/")
    if (version === "v1" && name !== undefined && collections.has(name)) {
      throw new TypeError(`routes: ${path} would hide the collection ${name}; choose another path`)
    }
  }
}
