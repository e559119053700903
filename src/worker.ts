/** `selvedge/worker`: a backend as the default export of a Worker. */

import type { Hono } from "hono"
import argon2 from "./auth/argon2.wasm"
import { createKeys } from "./auth/keys.ts"
import { createPasswords } from "./auth/passwords.ts"
import { createSecrets } from "./auth/secrets.ts"
import { createTokens, type Tokens } from "./auth/tokens.ts"
import type { Clock } from "./core/clock.ts"
import { createApp } from "./http/app.ts"
import type { AuthService } from "./http/auth/service.ts"
import type { AppEnv } from "./http/context.ts"
import type { Backend } from "./index.ts"
import { createAttempts } from "./limits/attempts.ts"
import type { Limiter } from "./limits/limiter.ts"
import { createCatcher } from "./mail/catcher.ts"
import { createCloudflareMail, type EmailBinding } from "./mail/cloudflare.ts"
import { MailError, type MailTransport, type Sender } from "./mail/mail.ts"
import { createResendMail } from "./mail/resend.ts"

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

type Log = AuthService["log"]

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
  const log: Log = (line) => (line.level === "error" ? console.error : console.log)(JSON.stringify(line))
  const tokens = createTokens({ db: env.DB, secret: env.SELVEDGE_SECRET, now })
  return createApp({
    d1: env.DB,
    collections: backend.collections,
    origins: backend.origins,
    info: backend.info,
    routes: backend.routes,
    auth: openAuth(backend, env, { tokens, now, log }),
    tokens,
    keys: createKeys({ db: env.DB, now }),
    now,
    epochs: { current: undefined },
    log,
  })
}

function openAuth(
  { auth: settings, origins }: Backend,
  env: Env,
  { tokens, now, log }: { tokens: Tokens; now: Clock; log: Log },
): AuthService | undefined {
  if (!settings) return undefined
  const secrets = createSecrets(env.SELVEDGE_SECRET, env.SELVEDGE_SECRET_PREVIOUS)
  return {
    d1: env.DB,
    settings,
    secrets,
    tokens,
    passwords: createPasswords({ module: argon2, secrets }),
    attempts: createAttempts({ namespace: env.LIMITER, now }),
    transport: openTransport(env, settings.from, now, log),
    catching: env.SELVEDGE_LOCAL === "true",
    origins,
    log,
  }
}

function openTransport(env: Env, from: Sender, now: Clock, log: Log): MailTransport {
  if (env.SELVEDGE_LOCAL === "true") return createCatcher({ db: env.DB, now, log: (line) => log({ ...line }) })
  if (env.RESEND_API_KEY) return createResendMail({ apiKey: env.RESEND_API_KEY, from, fetch })
  if (env.EMAIL) return createCloudflareMail({ binding: env.EMAIL, from })
  return {
    send: async () => {
      throw new MailError("cloudflare", "not_configured")
    },
  }
}
