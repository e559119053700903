/** `selvedge/worker`: a backend as the default export of a Worker. */

import type { Hono } from "hono"
import argon2 from "./auth/argon2.wasm"
import commonPasswords from "./auth/common-passwords.txt"
import { createKeys } from "./auth/keys.ts"
import type { AuthSettings } from "./auth/settings.ts"
import { createTokens } from "./auth/tokens.ts"
import { type AppOptions, createApp } from "./http/app.ts"
import type { AppEnv } from "./http/context.ts"
import type { Backend } from "./index.ts"
import type { Limiter } from "./limits/limiter.ts"
import type { EmailBinding } from "./mail/cloudflare.ts"

export { Limiter } from "./limits/limiter.ts"

/** The bindings and secrets that the engine reads. */
export interface Env {
  DB: D1Database
  LIMITER: DurableObjectNamespace<Limiter>
  /** At least 32 random characters; everything that is signed, encrypted or peppered goes back to it. */
  SELVEDGE_SECRET: string
  /** The secret before, for as long as something made with it is to be read. */
  SELVEDGE_SECRET_PREVIOUS?: string
  /** `true` on a developer's machine alone: mails are caught, and shown to admins. */
  SELVEDGE_LOCAL?: string
  /** Mail through Resend. */
  RESEND_API_KEY?: string
  /** Mail through Cloudflare. */
  EMAIL?: EmailBinding
}

/** Paths whose application has sign-in, and the document that describes it. */
const WITH_SIGN_IN = /^https?:\/\/[^/]+\/(?:v1\/(?:auth|admin)\/|openapi\.json|\.well-known\/webauthn)/

/**
 * @example
 * export default createWorker(backend)
 */
export function createWorker(backend: Backend): ExportedHandler<Env> {
  let apps: Apps | undefined
  return {
    fetch(request, env, execution) {
      apps ??= openApps(backend, env)
      if (!WITH_SIGN_IN.test(request.url)) return apps.data.fetch(request, env, execution)
      return apps.whole().then((app) => app.fetch(request, env, execution))
    },
  }
}

interface Apps {
  /** Everything but sign-in. */
  readonly data: Hono<AppEnv>
  /** Everything. What signs people in is loaded with the first request that asks for it: it is most of the Worker. */
  whole(): Promise<Hono<AppEnv>>
}

/** The only place where the environment is read. */
function openApps(backend: Backend, env: Env): Apps {
  const now = () => Date.now()
  const log: AppOptions["log"] = (line) => (line.level === "error" ? console.error : console.log)(JSON.stringify(line))
  const tokens = createTokens({
    db: env.DB,
    secret: env.SELVEDGE_SECRET,
    previousSecret: env.SELVEDGE_SECRET_PREVIOUS,
    now,
  })
  const { auth: settings, collections, origins, info, routes } = backend
  const options: AppOptions = {
    d1: env.DB,
    collections,
    origins,
    info,
    routes,
    signIn: undefined,
    tokens,
    keys: createKeys({ db: env.DB, now }),
    now,
    epochs: { current: undefined },
    log,
  }
  const data = createApp(options)
  let whole: Hono<AppEnv> | undefined

  async function openWhole(settings: AuthSettings): Promise<Hono<AppEnv>> {
    const { openSignIn } = await import("./http/auth/open.ts")
    const signIn = openSignIn({
      settings,
      collections,
      origins,
      d1: env.DB,
      limiter: env.LIMITER,
      secret: env.SELVEDGE_SECRET,
      previousSecret: env.SELVEDGE_SECRET_PREVIOUS,
      argon2,
      commonPasswords,
      tokens,
      isLocal: env.SELVEDGE_LOCAL === "true",
      variable: (name) => textOf(Reflect.get(env, name)),
      mail: { resendKey: env.RESEND_API_KEY, binding: env.EMAIL },
      now,
      log,
    })
    whole ??= createApp({ ...options, signIn })
    return whole
  }

  return { data, whole: async () => whole ?? (settings ? openWhole(settings) : data) }
}

/** A variable that is empty is none. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined
}
