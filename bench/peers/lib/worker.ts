/** A peer's Worker in a workerd of its own, with a D1 database, served as the bench serves Selvedge. */

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare"
import { bundle } from "../../../scripts/bundle.ts"
import { PROJECT_ROOT } from "../../../scripts/local-env.ts"
import { compatibilityOf } from "../../lib/compatibility.ts"

const CONFIG = join(PROJECT_ROOT, "bench/peers/wrangler.toml")

export interface PeerWorker {
  readonly origin: string
  readonly db: D1Database
  stop(): Promise<void>
}

/** @param entry Its file in `bench/peers/apps`. */
export async function startWorker(entry: string): Promise<PeerWorker> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-peer-"))
  const file = join(PROJECT_ROOT, `bench/peers/apps/${entry}.js`)
  const modules = await bundle(file, join(folder, "bundle"), ["--config", CONFIG])
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      log: new Log(LogLevel.ERROR),
      logRequests: false,
      cf: false,
      telemetry: { enabled: false },
      handleStructuredLogs: () => {},
      resourcePersistencePath: join(folder, "state"),
      workers: [
        {
          name: entry,
          modules,
          ...compatibilityOf(CONFIG),
          d1Databases: { DB: "peer" },
        },
      ],
    }),
  )
  return {
    origin: (await miniflare.ready).origin,
    db: (await miniflare.getD1Database("DB")) as unknown as D1Database,
    async stop() {
      await miniflare.dispose()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
