/** `selvedge/worker`: a backend as the default export of a Worker. */

import type { Hono } from "hono"
import { createTokens } from "./auth/tokens.ts"
import { createApp } from "./http/app.ts"
import type { AppEnv } from "./http/context.ts"
import type { Backend } from "./index.ts"

export { Limiter } from "./limits/limiter.ts"

/** The bindings and secrets that the engine reads. */
export interface Env {
  DB: D1Database
  /** At least 32 random characters; encrypts the signing keys. */
  SELVEDGE_SECRET: string
}

/**
 * @example
 * export default createWorker(backend)
 */
export function createWorker(backend: Backend): ExportedHandler<Env> {
  let app: Hono<AppEnv> | undefined
  return {
    fetch(request, env, execution) {
      app ??= openApp(backend, env)
      return app.fetch(request, env, execution)
    },
  }
}

/** The only place where the environment is read. */
function openApp(backend: Backend, env: Env): Hono<AppEnv> {
  const now = () => Date.now()
  return createApp({
    d1: env.DB,
    collections: backend.collections,
    origins: backend.origins,
    info: backend.info,
    routes: backend.routes,
    tokens: createTokens({ db: env.DB, secret: env.SELVEDGE_SECRET, now }),
    now,
    epochs: { current: undefined },
    log: (line) => (line.level === "error" ? console.error : console.log)(JSON.stringify(line)),
  })
}
