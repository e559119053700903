/** A Worker in a workerd of its own, reached without Miniflare's Worker in front. */

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare"
import { bundle, readModules } from "../../../scripts/bundle.ts"
import { PROJECT_ROOT } from "../../../scripts/local-env.ts"
import { compatibilityOf } from "../../lib/compatibility.ts"
import type { HostName } from "./servers.ts"

export type EntryName = "bare" | "worker"

const CONFIG = join(PROJECT_ROOT, "bench/live/wrangler.toml")
const NAME = "live"
const OBJECTS: Record<EntryName, Readonly<Record<string, string>>> = {
  bare: { ROOM: "Room" },
  worker: { LIMITER: "Limiter", FEED: "Feed", CLOCK: "Clock", HUB: "Hub", TOPIC: "Topic" },
}
const SECRET = "a secret for the bench, with more than 32 characters"

/** Undefined for a server on Node. */
export function entryOf(host: HostName): EntryName | undefined {
  if (host === "selvedge") return "worker"
  return host === "bare" ? "bare" : undefined
}

export interface RunningWorker {
  readonly port: number
  readonly db: D1Database
  stop(): Promise<void>
}

/** @param folder Of all bundles of the run. */
export async function bundleEntry(entry: EntryName, folder: string): Promise<void> {
  await bundle(join(PROJECT_ROOT, `bench/live/app/${entry}.ts`), join(folder, entry), ["--config", CONFIG])
}

export async function startWorker(entry: EntryName, folder: string): Promise<RunningWorker> {
  const state = await mkdtemp(join(tmpdir(), "selvedge-live-"))
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      log: new Log(LogLevel.ERROR),
      logRequests: false,
      cf: false,
      telemetry: { enabled: false },
      handleStructuredLogs: () => {},
      resourcePersistencePath: state,
      workers: [
        {
          name: NAME,
          modules: await readModules(join(folder, entry)),
          ...compatibilityOf(CONFIG),
          d1Databases: { DB: NAME },
          kvNamespaces: { CACHE: NAME },
          queueProducers: { JOBS: "jobs", JOBS_DEAD: "jobs-dead" },
          bindings: { SELVEDGE_SECRET: SECRET },
          durableObjects: Object.fromEntries(
            Object.entries(OBJECTS[entry]).map(([binding, className]) => [binding, { className, useSQLite: true }]),
          ),
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
        },
      ],
    }),
  )
  await miniflare.ready
  return {
    port: Number((await miniflare.unsafeGetDirectURL(NAME)).port),
    db: (await miniflare.getD1Database("DB")) as unknown as D1Database,
    async stop() {
      await miniflare.dispose()
      await rm(state, { recursive: true, force: true })
    },
  }
}
