/** `scripts/dev.ts` as a process of its own, on a port that is free. */

import { type ChildProcess, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { once } from "node:events"
import { isFree } from "../../scripts/dev/server.ts"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"

/** What it prints last, once it serves. */
const READY = "Stop            Ctrl-C"
/** Below those that systems give to connections, one of which could take the port before it is used. */
const PORTS = { from: 20_000, to: 32_000 }

export interface DevServer {
  readonly port: number
  /** What it has printed so far. */
  output(): string
  /** Asks it to end. @returns Its exit code. */
  stop(): Promise<number | null>
}

/** @throws Error with its output, when it ends instead of serving. */
export async function startDev(...flags: string[]): Promise<DevServer> {
  return startDevAt(await freePort(), ...flags)
}

/** For those who must know the port beforehand. */
export async function startDevAt(port: number, ...flags: string[]): Promise<DevServer> {
  // wranglers that start at the same time would all choose the first free port for their inspectors
  const child = spawnDev(["--port", String(port), "--inspector-port", "0", ...flags])
  const output = collect(child)
  const exited = once(child, "exit") as Promise<[number | null]>
  while (!output().includes(READY)) {
    const ended = await Promise.race([exited, new Promise((done) => setTimeout(done, 50))])
    if (ended) throw new Error(output())
  }
  return {
    port,
    output,
    async stop() {
      child.kill("SIGTERM")
      const [code] = await exited
      return code
    },
  }
}

/** Runs it with flags under which it ends by itself. */
export async function runDev(...flags: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawnDev(flags)
  const output = collect(child)
  const [code] = (await once(child, "close")) as [number | null]
  return { code, output: output() }
}

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to)
    if (await isFree(port)) return port
  }
}

function spawnDev(flags: readonly string[]): ChildProcess {
  return spawn(process.execPath, ["scripts/dev.ts", ...flags], {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  })
}

function collect(child: ChildProcess): () => string {
  let output = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text
    })
  }
  return () => output
}
