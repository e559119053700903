/** Runs wrangler from the project's own packages, without its banner, reports and look-ups on the network. */

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { PROJECT_ROOT } from "./local-env.ts"

const WRANGLER = join(PROJECT_ROOT, "node_modules/wrangler/bin/wrangler.js")

/** Without the banner there is no question to the registry for a newer version either. */
const QUIET = {
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
}

export interface Run {
  code: number
  stdout: string
  /** Both streams, in the order in which they were written. */
  output: string
}

export function startWrangler(args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(process.execPath, [WRANGLER, ...args], {
    cwd: PROJECT_ROOT,
    env: { ...process.env, ...QUIET },
    ...options,
  })
}

/** Runs it to its end without a terminal, so that it asks nothing. */
export async function runWrangler(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const child = startWrangler(args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...QUIET, ...env },
  })
  const run: Run = { code: 1, stdout: "", output: "" }
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    run.stdout += text
    run.output += text
  })
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    run.output += text
  })
  const [code] = (await once(child, "close")) as [number | null]
  return { ...run, code: code ?? 1 }
}

/** Runs it in the foreground, on this terminal. Ctrl-C reaches it by itself, and we still clean up after it. */
export async function showWrangler(args: readonly string[]): Promise<number> {
  const wait = () => undefined
  process.on("SIGINT", wait)
  const [code] = (await once(startWrangler(args, { stdio: "inherit" }), "close")) as [number | null]
  process.off("SIGINT", wait)
  return code ?? 1
}
