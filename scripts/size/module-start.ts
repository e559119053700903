/** How long workerd takes to compile and evaluate a Worker's module. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFile, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { unstable_readConfig as readConfig } from "wrangler"
import { PROJECT_ROOT } from "../local-env.ts"

/**
 * workerd starts all its Workers before it listens, each in an isolate of its own. So a process with this many copies
 * of a module takes longer than one with as many empty modules, by what that many starts take.
 */
const COPIES = 16
const ROUNDS = 10
const TICK_MS = 10
const EMPTY = "empty.js"

/** Its package has no types. */
const workerd = (createRequire(import.meta.url)("workerd") as { default: string }).default

/** Files of one folder, which is written to. */
export interface Bundle {
  readonly folder: string
  readonly main: string
  /** What the main module imports: WebAssembly and texts. */
  readonly imports: readonly string[]
}

/** They take turns, so that a slow moment of the machine meets all of them. */
export async function measureStartsMs(bundles: readonly Bundle[]): Promise<number[]> {
  const [{ folder }] = bundles as [Bundle]
  await writeFile(join(folder, EMPTY), "export default {}")
  const empty: number[] = []
  const full: number[][] = bundles.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    empty.push(await timeProcess({ folder, main: EMPTY, imports: [] }))
    for (const [i, bundle] of bundles.entries()) full[i]!.push(await timeProcess(bundle))
  }
  // the least is what it takes: other work on the machine only ever adds
  return full.map((times) => (Math.min(...times) - Math.min(...empty)) / COPIES)
}

/** @returns Milliseconds of work, or where the system doesn't tell that, of waiting, until workerd listens. */
async function timeProcess(bundle: Bundle): Promise<number> {
  const path = join(bundle.folder, "workerd.capnp")
  await writeFile(path, workerdConfig(bundle))
  const started = performance.now()
  const child = spawn(workerd, ["serve", path, "--control-fd=3"], { stdio: ["ignore", "ignore", "inherit", "pipe"] })
  const exited = once(child, "exit")
  await Promise.race([once(child.stdio[3] as Readable, "data"), exited])
  const took = (await processorMs(child.pid)) ?? performance.now() - started
  if (child.exitCode !== null) throw new Error(`${bundle.main} does not start`)
  child.kill("SIGKILL")
  await exited
  return took
}

/** Unlike a clock, it hardly depends on what else the machine does. Linux alone has it. */
async function processorMs(pid: number | undefined): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/task/${pid}/stat`, "utf8").catch(() => undefined)
  if (!stat) return undefined
  const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14) // proc(5): utime and stime
  return (Number(user) + Number(system)) * TICK_MS
}

function workerdConfig({ main, imports }: Bundle): string {
  const { compatibility_date, compatibility_flags } = readConfig({ config: join(PROJECT_ROOT, "wrangler.toml") })
  const modules = [
    `(name = "worker.js", esModule = embed ${JSON.stringify(main)})`,
    ...imports.map((file) => {
      const kind = file.endsWith(".wasm") ? "wasm" : "text"
      return `(name = ${JSON.stringify(file)}, ${kind} = embed ${JSON.stringify(file)})`
    }),
  ]
  const worker = `(
    compatibilityDate = ${JSON.stringify(compatibility_date)},
    compatibilityFlags = ${JSON.stringify(compatibility_flags)},
    modules = [${modules.join(", ")}])`
  const services = Array.from({ length: COPIES }, (_, index) => `(name = "copy-${index}", worker = ${worker})`)
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${services.join(", ")}],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "copy-0")]);`
}
