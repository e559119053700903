/** Sign-in of one isolate, out of what the environment gives. Loaded with the first request that needs it. */

import type { Hono } from "hono"
import type { Collections } from "../../access/model.ts"
import { commonPasswords } from "../../auth/common-passwords.ts"
import { createLockNotes } from "../../auth/lock-notes.ts"
import { createPasswords } from "../../auth/passwords.ts"
import { createProviders, type ProvidersOptions } from "../../auth/providers/registry.ts"
import { createSecrets } from "../../auth/secrets.ts"
import type { AuthSettings } from "../../auth/settings.ts"
import type { Tokens } from "../../auth/tokens.ts"
import type { Clock } from "../../core/clock.ts"
import { createAttempts } from "../../limits/attempts.ts"
import type { Limiter } from "../../limits/limiter.ts"
import type { AppEnv } from "../context.ts"
import { authRoutes } from "../routes/auth/routes.ts"
import { mailRoutes } from "../routes/mails.ts"
import type { AuthService } from "./service.ts"

export interface SignInOptions {
  readonly settings: AuthSettings
  readonly collections: Collections
  readonly origins: readonly string[]
  readonly d1: D1Database
  readonly limiter: DurableObjectNamespace<Limiter>
  readonly secret: string
  readonly previousSecret: string | undefined
  /** Compiled `argon2.wasm`. */
  readonly argon2: WebAssembly.Module
  /** The text of `common-passwords.txt`. */
  readonly commonPasswords: string
  readonly tokens: Tokens
  /** Whether this is a developer's machine: mails are caught, and shown to admins. */
  readonly isLocal: boolean
  /** What the environment says under a name that the application chose, such as that of a provider's secret. */
  readonly variable: ProvidersOptions["read"]
  /** How providers are reached; the runtime's own unless told. */
  readonly fetch?: ProvidersOptions["fetch"]
  readonly now: Clock
  readonly log: AuthService["log"]
}

/** @returns What adds the routes of sign-in to an application. */
export function openSignIn(options: SignInOptions): (app: Hono<AppEnv>) => void {
  const { settings, collections, origins, d1, tokens, isLocal, now, log } = options
  const secrets = createSecrets(options.secret, options.previousSecret)
  const service: AuthService = {
    d1,
    settings,
    secrets,
    tokens,
    commonPasswords: commonPasswords(options.commonPasswords),
    passwords: createPasswords({ module: options.argon2, secrets }),
    providers: createProviders({
      presets: settings.providers,
      read: options.variable,
      allowLoopback: isLocal,
      ...(options.fetch && { fetch: options.fetch }),
    }),
    lockNotes: createLockNotes(now),
    attempts: createAttempts({ namespace: options.limiter, now }),
    origins,
    log,
  }
  return (app) => {
    authRoutes(app, service, collections)
    mailRoutes(app, { catching: isLocal })
  }
}
