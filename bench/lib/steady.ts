/** A caller who asks at half of its limit, evenly: how often that needs a limiter. */

import { type Counts, count } from "./counts.ts"
import type { Loader } from "./loader.ts"
import { createRequests } from "./requests.ts"
import type { Seeded } from "./seed.ts"
import type { BenchServer } from "./server.ts"

/** Half of 600 in 60 seconds. */
const EVERY_MS = 200

export interface Steady {
  readonly requests: number
  readonly limiterCalls: number
}

export async function measureSteady(
  server: BenchServer,
  loader: Loader,
  seeded: Seeded,
  requests: number,
): Promise<Steady> {
  const lists = createRequests(seeded).read("limited", "list")
  const order = { origin: server.origins.limited, requests: lists, ms: 0, count: requests, everyMs: EVERY_MS }
  const { limiterCalls }: Counts = await count(server, requests, () => loader.run(order))
  return { requests, limiterCalls: Math.round(limiterCalls * requests) }
}
