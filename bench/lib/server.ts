/** The Workers in one workerd; the bare one has a database of its own. */

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare"
import { bundle, type Module } from "../../scripts/bundle.ts"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { compatibilityOf } from "./compatibility.ts"

export const SECRET = "a secret for the bench, with more than 32 characters"
const CONFIG = join(PROJECT_ROOT, "bench/wrangler.toml")

interface Source {
  /** Its file in `bench/app`. */
  readonly entry: string
  readonly database: "selvedge" | "still" | "cached" | "bare" | "triggered" | "deferred"
  /** Whose feed and clock it wakes: a database has one of each. */
  readonly objects?: "selvedge" | "still" | "cached" | "limited" | "deferred"
  readonly takesJobs?: boolean
  /** Without its lines in the log. */
  readonly isQuiet?: boolean
}

const SOURCES = {
  selvedge: { entry: "worker", database: "selvedge", objects: "selvedge" },
  /** Selvedge without its log. */
  quiet: { entry: "worker", database: "selvedge", objects: "selvedge", isQuiet: true },
  /** Selvedge without its feed. */
  still: { entry: "still", database: "still", objects: "still" },
  /** Selvedge without its limiter. */
  unlimited: { entry: "unlimited", database: "selvedge", objects: "selvedge" },
  /** Selvedge that keeps answers; nobody writes there, so that they stay warm. */
  cached: { entry: "cached", database: "cached", objects: "cached" },
  /** The same, without its log. */
  "cached-quiet": { entry: "cached", database: "cached", objects: "cached", isQuiet: true },
  /** The same, whose isolate holds nothing. */
  kv: { entry: "kv", database: "cached", objects: "cached" },
  /** Selvedge with the standard limit. */
  limited: { entry: "limited", database: "selvedge", objects: "limited" },
  bare: { entry: "bare", database: "bare" },
  /** Nothing: what the platform itself costs. */
  empty: { entry: "empty", database: "bare" },
  /** The bare Worker over tables that note their changes. */
  triggered: { entry: "bare", database: "triggered" },
  /** Jobs, reactions and a backlog of changes. */
  deferred: { entry: "deferred", database: "deferred", objects: "deferred", takesJobs: true },
} satisfies Record<string, Source>

export type WorkerName = keyof typeof SOURCES
export type DatabaseName = (typeof SOURCES)[WorkerName]["database"]

const NAMES = Object.keys(SOURCES) as WorkerName[]

export interface BenchServer {
  /** Where a Worker is reached. */
  readonly origins: Record<WorkerName, string>
  readonly databases: Record<DatabaseName, D1Database>
  /** The lines that the Workers log from now on; until the next call, which ends it. */
  keepLog(lines: string[] | undefined): void
  stop(): Promise<void>
}

/** @param direct Whether requests reach the Workers without Miniflare's own Worker in front of them. */
export async function startServer(direct: boolean): Promise<BenchServer> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-bench-"))
  const entries = [...new Set(Object.values(SOURCES).map(({ entry }) => entry))]
  const bundles = await collect(entries, (entry) =>
    bundle(join(PROJECT_ROOT, `bench/app/${entry}.ts`), join(folder, entry), ["--config", CONFIG]),
  )
  const workers = NAMES.map((name) => workerOptions(name, SOURCES[name], bundles[SOURCES[name].entry]!))
  let kept: string[] | undefined
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      log: new Log(LogLevel.ERROR),
      logRequests: false,
      cf: false,
      telemetry: { enabled: false },
      // Lines of the log go to the console, as they do in production; here mostly nobody reads them.
      handleStructuredLogs: ({ message }) => void kept?.push(message),
      resourcePersistencePath: join(folder, "state"),
      workers,
    }),
  )
  const entry = await miniflare.ready
  const originOf = async (name: WorkerName) => (direct ? await miniflare.unsafeGetDirectURL(name) : entry).origin
  const databaseOf = async (name: DatabaseName) => (await miniflare.getD1Database("DB", name)) as unknown as D1Database
  return {
    origins: await collect(NAMES, originOf),
    databases: await collect(["selvedge", "still", "cached", "bare", "triggered", "deferred"], databaseOf),
    keepLog(lines) {
      kept = lines
    },
    async stop() {
      await miniflare.dispose()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export function hostOf(name: WorkerName): string {
  return `${name}.example`
}

async function collect<K extends string, V>(keys: readonly K[], value: (key: K) => Promise<V>): Promise<Record<K, V>> {
  const values = await Promise.all(keys.map(async (key) => [key, await value(key)]))
  return Object.fromEntries(values) as Record<K, V>
}

function workerOptions(name: WorkerName, { database, objects, takesJobs, isQuiet }: Source, bundled: Module[]) {
  const object = (className: string, scriptName: string) => ({ className, scriptName, useSQLite: true })
  return {
    name,
    modules: isQuiet ? [quietly(bundled[0]!), ...bundled] : bundled,
    ...compatibilityOf(CONFIG),
    d1Databases: { DB: database },
    bindings: { SELVEDGE_SECRET: SECRET },
    ...(objects && {
      durableObjects: {
        FEED: object("Feed", objects),
        CLOCK: object("Clock", objects),
        // what one Worker has on lease is not there for the others, and each has its turn
        LIMITER: object("Limiter", name),
      },
      kvNamespaces: { CACHE: objects },
      queueProducers: { JOBS: `${objects}-jobs` },
    }),
    ...(takesJobs && { queueConsumers: { [`${objects}-jobs`]: { maxBatchSize: 5, maxBatchTimeout: 0 } } }),
    routes: [`${hostOf(name)}/*`],
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  }
}

/** A main module that takes the log away. */
function quietly({ path }: Module): Module {
  const contents = `export * from "./${path}"\nexport { default } from "./${path}"\nconsole.log = () => {}\n`
  return { type: "ESModule", path: "quiet.js", contents }
}
