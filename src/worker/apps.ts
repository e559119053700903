/** The applications of one isolate, out of the environment. */

import type { Hono } from "hono"
import argon2 from "../auth/argon2.wasm"
import commonPasswords from "../auth/common-passwords.txt"
import { createKeys } from "../auth/keys.ts"
import type { AuthSettings } from "../auth/settings.ts"
import { createTokens } from "../auth/tokens.ts"
import { createWaker } from "../changes/waker.ts"
import { Isolate } from "../db/isolate.ts"
import { type AppOptions, createApp } from "../http/app.ts"
import type { AppEnv } from "../http/context.ts"
import type { Backend } from "../index.ts"
import { createRates } from "../limits/rates.ts"
import { createHubs } from "../live/hub-choice.ts"
import { backgroundOf, cacheOf, dispatchOf, type Env, feedOf, isLocal, log, now, publisherOf, variable } from "./env.ts"

export interface Apps {
  /** Everything but sign-in and the operator's routes. */
  readonly data: Hono<AppEnv>
  /** Everything. What isn't data is loaded with the first request that asks for it: it is most of the Worker. */
  whole(): Promise<Hono<AppEnv>>
}

export function openApps(backend: Backend, env: Env): Apps {
  const { SELVEDGE_SECRET: secret, SELVEDGE_SECRET_PREVIOUS: previousSecret, DB: d1 } = env
  const tokens = createTokens({ db: d1, secret, previousSecret, now })
  const { auth: settings, collections, channels, limits, origins, info, routes, incoming } = backend
  const options: AppOptions = {
    d1,
    collections,
    limits,
    rates: createRates({ namespace: env.LIMITER, now, log }),
    origins,
    live: { hubs: createHubs({ namespace: env.HUB, now, log }), hasChannels: channels.size > 0 },
    info,
    routes,
    parts: [],
    incoming,
    variable: (name) => variable(env, name),
    tokens,
    keys: createKeys({ db: d1, now }),
    now,
    isolate: new Isolate(now),
    cache: cacheOf(backend, env),
    dispatch: dispatchOf(env),
    publisher: publisherOf(backend, env),
    feed: { wake: createWaker(async () => feedOf(env).wake(), now), status: () => feedOf(env).status() },
    isLocal: isLocal(env),
    log,
  }
  const data = createApp(options)
  let whole: Hono<AppEnv> | undefined

  async function openWhole(): Promise<Hono<AppEnv>> {
    const { openAdmin } = await import("../http/admin/open.ts")
    const { openJobs } = await import("./background.ts")
    const background = backgroundOf(backend, env)
    const admin = openAdmin({ ...background, jobs: openJobs(background, () => {}) })
    whole ??= createApp({ ...options, parts: [...(settings ? [await signInOf(settings)] : []), admin] })
    return whole
  }

  async function signInOf(settings: AuthSettings): Promise<(app: Hono<AppEnv>) => void> {
    const { openSignIn } = await import("../http/auth/open.ts")
    return openSignIn({
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
      now,
      log,
    })
  }

  return { data, whole: async () => whole ?? openWhole() }
}
