/** Starts a server as a process group of its own, and tells what it uses. */

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { childrenOf, treeCpuMs } from "../../lib/cpu.ts"
import type { HostMessage } from "../host.ts"
import type { Commits } from "./rows.ts"

export type HostName = "bare" | "ws" | "socket.io" | "selvedge"

export interface Server {
  readonly port: number
  /** User and system time of all its processes so far, in milliseconds. */
  cpuMs(): number
  /** Resident memory of all its processes, in KiB. */
  memoryKb(): number
  commits(): Promise<Commits>
  stop(): Promise<void>
}

const STOP_MS = 5_000
/** What a server that fails has said last. */
const SAID_CHARACTERS = 4_000

const running = new Set<ChildProcess>()

/** @param folder Of the bundles. */
export async function startServer(host: HostName, folder: string): Promise<Server> {
  const child = fork(join(import.meta.dirname, "../host.ts"), [host, folder], {
    detached: true,
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  })
  running.add(child)
  let said = ""
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-SAID_CHARACTERS)
  })
  async function answer(): Promise<HostMessage> {
    const message = await Promise.race([
      once(child, "message").then(([message]) => message as HostMessage),
      once(child, "exit").then(([code]): HostMessage => ({ error: `${host} ends with ${code}\n${said}` })),
    ])
    if ("error" in message) throw new Error(message.error)
    return message
  }
  const started = await answer()
  return {
    port: "port" in started ? started.port : 0,
    cpuMs: () => treeCpuMs(child.pid!),
    memoryKb: () => treeMemoryKb(child.pid!),
    async commits() {
      child.send("commits")
      const message = await answer()
      return "commits" in message ? message.commits : []
    },
    stop: () => stopServer(child),
  }
}

/** Servers stop by themselves when their channel closes, even when this process is killed. */
export async function stopServers(): Promise<void> {
  await Promise.all([...running].map(stopServer))
}

async function stopServer(child: ChildProcess): Promise<void> {
  running.delete(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, "exit")
  if (child.connected) child.disconnect()
  const late = new AbortController()
  const kill = wait(STOP_MS, undefined, { signal: late.signal }).then(
    () => process.kill(-child.pid!, "SIGKILL"),
    () => undefined,
  )
  await exit
  late.abort()
  await kill
}

function treeMemoryKb(pid: number): number {
  const [, kb] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
  return childrenOf(pid).reduce((sum, child) => sum + treeMemoryKb(child), Number(kb ?? 0))
}
