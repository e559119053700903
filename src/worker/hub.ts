/** What hubs are made of, out of the environment. */

import { createKeys } from "../auth/keys.ts"
import { createSecrets } from "../auth/secrets.ts"
import { createSocketCallers } from "../auth/socket-callers.ts"
import { createTokens } from "../auth/tokens.ts"
import { Isolate } from "../db/isolate.ts"
import type { Backend } from "../index.ts"
import type { HubOptions } from "../live/hub-context.ts"
import { type Env, log, now } from "./env.ts"

export function openHub({ collections, channels }: Backend, env: Env): HubOptions {
  const { SELVEDGE_SECRET: secret, SELVEDGE_SECRET_PREVIOUS: previousSecret, DB: d1 } = env
  const tokens = createTokens({ db: d1, secret, previousSecret, now })
  const callers = createSocketCallers({ d1, tokens, keys: createKeys({ db: d1, now }), now })
  const { current } = createSecrets(secret, previousSecret)
  const prove = (text: string) => current.mac("live place", text)
  return { d1, isolate: new Isolate(now), collections, channels, callers, prove, topics: env.TOPIC, now, log }
}
