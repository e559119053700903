/** The applications of one isolate, out of the environment. */

import type { Hono } from "hono"
import argon2 from "../auth/argon2.wasm"
import commonPasswords from "../auth/common-passwords.txt"
import { createKeys } from "../auth/keys.ts"
import type { AuthSettings } from "../auth/settings.ts"
import { createTokens } from "../auth/tokens.ts"
import { type AppOptions, createApp } from "../http/app.ts"
import type { AppEnv } from "../http/context.ts"
import type { Backend } from "../index.ts"
import { dispatchOf, type Env, feedOf, isLocal, log, now, transportOf, variable } from "./env.ts"

export interface Apps {
  /** Everything but sign-in. */
  readonly data: Hono<AppEnv>
  /** Everything. What signs people in is loaded with the first request that asks for it: it is most of the Worker. */
  whole(): Promise<Hono<AppEnv>>
}

export function openApps(backend: Backend, env: Env): Apps {
  const { SELVEDGE_SECRET: secret, SELVEDGE_SECRET_PREVIOUS: previousSecret, DB: d1 } = env
  const tokens = createTokens({ db: d1, secret, previousSecret, now })
  const { auth: settings, collections, origins, info, routes } = backend
  const options: AppOptions = {
    d1,
    collections,
    origins,
    info,
    routes,
    signIn: undefined,
    tokens,
    keys: createKeys({ db: d1, now }),
    now,
    epochs: { current: undefined },
    dispatch: dispatchOf(env),
    wakeFeed: () => feedOf(env).wake(),
    log,
  }
  const data = createApp(options)
  let whole: Hono<AppEnv> | undefined

  async function openWhole(settings: AuthSettings): Promise<Hono<AppEnv>> {
    const { openSignIn } = await import("../http/auth/open.ts")
    const signIn = openSignIn({
      settings,
      collections,
      origins,
      d1,
      limiter: env.LIMITER,
      secret,
      previousSecret,
      argon2,
      commonPasswords,
      tokens,
      isLocal: isLocal(env),
      variable: (name) => variable(env, name),
      transport: transportOf(backend, env),
      now,
      log,
    })
    whole ??= createApp({ ...options, signIn })
    return whole
  }

  return { data, whole: async () => whole ?? (settings ? openWhole(settings) : data) }
}
