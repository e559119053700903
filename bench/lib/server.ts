/** The Workers in one workerd; the bare one has a database of its own. */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare"
import { unstable_readConfig as readConfig } from "wrangler"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { runWrangler } from "../../scripts/wrangler.ts"

export const SECRET = "a secret for the bench, with more than 32 characters"
const CONFIG = join(PROJECT_ROOT, "bench/wrangler.toml")
/** `quiet` is Selvedge without its log. */
const WORKERS = ["selvedge", "quiet", "bare"] as const
const ENTRY = { selvedge: "worker", quiet: "quiet", bare: "bare" }

export type WorkerName = (typeof WORKERS)[number]

export interface BenchServer {
  /** Where a Worker is reached. */
  readonly origins: Record<WorkerName, string>
  readonly databases: { readonly selvedge: D1Database; readonly bare: D1Database }
  stop(): Promise<void>
}

/** @param direct Whether requests reach the Workers without Miniflare's own Worker in front of them. */
export async function startServer(direct: boolean): Promise<BenchServer> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-bench-"))
  const workers = await Promise.all(WORKERS.map((name) => workerOptions(name, folder)))
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      log: new Log(LogLevel.ERROR),
      logRequests: false,
      cf: false,
      telemetry: { enabled: false },
      handleStructuredLogs: ignore,
      resourcePersistencePath: join(folder, "state"),
      workers,
    }),
  )
  const entry = await miniflare.ready
  const originOf = async (name: WorkerName) => (direct ? await miniflare.unsafeGetDirectURL(name) : entry).origin
  const databaseOf = async (name: WorkerName) => (await miniflare.getD1Database("DB", name)) as unknown as D1Database
  return {
    origins: { selvedge: await originOf("selvedge"), quiet: await originOf("quiet"), bare: await originOf("bare") },
    databases: { selvedge: await databaseOf("selvedge"), bare: await databaseOf("bare") },
    async stop() {
      await miniflare.dispose()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export function hostOf(name: WorkerName): string {
  return `${name}.example`
}

async function workerOptions(name: WorkerName, folder: string) {
  return {
    name,
    modules: await bundle(ENTRY[name], folder),
    compatibilityDate: readConfig({ config: CONFIG }).compatibility_date!,
    d1Databases: { DB: name === "bare" ? "bare" : "selvedge" },
    bindings: { SELVEDGE_SECRET: SECRET },
    routes: [`${hostOf(name)}/*`],
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  }
}

/** The very modules that a deploy would upload, the main one first. */
async function bundle(entry: string, folder: string) {
  const outdir = join(folder, entry)
  const main = join(PROJECT_ROOT, `bench/app/${entry}.ts`)
  const run = await runWrangler(["deploy", main, "--config", CONFIG, "--dry-run", "--minify", "--outdir", outdir])
  if (run.code !== 0) throw new Error(run.output)
  const imports = (await readdir(outdir)).filter((file) => /\.(wasm|txt)$/.test(file))
  return [
    { type: "ESModule" as const, path: `${entry}.js`, contents: await readFile(join(outdir, `${entry}.js`), "utf8") },
    ...(await Promise.all(
      imports.map(async (path) => ({
        type: path.endsWith(".wasm") ? ("CompiledWasm" as const) : ("Text" as const),
        path,
        contents: new Uint8Array(await readFile(join(outdir, path))),
      })),
    )),
  ]
}

/** Lines of the log go to the console, as they do in production; here nobody reads them. */
function ignore(): void {}
