/** Starts hosts, each a process group of its own, and ends them whatever happens to the run. */

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { treeCpuMs } from "../../lib/cpu.ts"
import type { HostMessage } from "../host.ts"
import { HOSTS, type HostName, type Peer } from "./peer.ts"

/** A peer, and the CPU time of all its processes in milliseconds. */
export interface RunningPeer extends Peer {
  cpuMs(): number
}

const STOP_MS = 5_000
/** What a host that fails has said last; others are silent, as bknd tells of each refusal at length. */
const SAID_CHARACTERS = 4_000

const running: ChildProcess[] = []
let folder: string | undefined

/** One after the other: what starts is bundled and filled with rows, which takes all of a small machine. */
export async function startPeers(): Promise<RunningPeer[]> {
  folder = await mkdtemp(join(tmpdir(), "selvedge-peers-"))
  // PocketBase runs there without privileges
  await chmod(folder, 0o755)
  const peers: RunningPeer[] = []
  for (const host of HOSTS) {
    console.error(`starting ${host}`)
    peers.push(...(await startHost(host, folder)))
  }
  return peers
}

async function startHost(name: HostName, folder: string): Promise<RunningPeer[]> {
  const child = fork(join(import.meta.dirname, "../host.ts"), [name], {
    detached: true,
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  })
  running.push(child)
  let said = ""
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-SAID_CHARACTERS)
  })
  const message = await Promise.race([
    once(child, "message").then(([message]) => message as HostMessage),
    once(child, "exit").then(([code]): HostMessage => ({ error: `${name} ends with ${code}\n${said}` })),
  ])
  if ("error" in message) throw new Error(message.error)
  return message.peers.map((peer) => ({ ...peer, cpuMs: () => treeCpuMs(child.pid!) }))
}

/** Hosts stop by themselves when their channel closes, even when this process is killed; one that still starts is ended. */
export async function stopPeers(): Promise<void> {
  await Promise.all(running.splice(0).map(stopHost))
  if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function stopHost(child: ChildProcess): Promise<void> {
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
