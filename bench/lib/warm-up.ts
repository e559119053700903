/** Has all answers that are to be kept made once, and puts some into KV, as an isolate does that is asked for them again. */

import { setTimeout as wait } from "node:timers/promises"
import type { BenchRequest } from "./ask.ts"
import type { Loader } from "./loader.ts"
import { createRequests } from "./requests.ts"
import type { Seeded } from "./seed.ts"
import type { BenchServer, WorkerName } from "./server.ts"

/** Longer than the feed takes to tell KV of a change. */
const TOLD_MS = 2_500

/** A post is written first, so that there is a version to be read beside each answer. */
export async function warmUp({ origins }: BenchServer, loader: Loader, seeded: Seeded): Promise<void> {
  const make = createRequests(seeded)
  const send = (requests: readonly BenchRequest[], worker: WorkerName = "cached") =>
    loader.run({ origin: origins[worker], requests, ms: 0, count: requests.length })
  await send(make.create("cached", true))
  await wait(TOLD_MS)
  for (const kind of ["get", "list", "expand"] as const) {
    await send(make.keptFew("cached", kind))
    await send(make.keptFew("cached", kind))
    for (const worker of ["cached", "cached-quiet"] as const) await send(make.kept(worker, kind), worker)
  }
}
