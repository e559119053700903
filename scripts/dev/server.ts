/** `wrangler dev` in the foreground: says where it is, and takes all its processes along when it ends. */

import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { startWrangler } from "../wrangler.ts"
import { DEFAULT_STATE, type DevFlags } from "./flags.ts"

const LOOPBACK = ["127.0.0.1", "::1"]
const FIRST_ANSWER_MS = 30_000
const STOP_WITHIN_MS = 5_000
const PARENT_EVERY_MS = 500

/** On Windows there are no process groups, and Ctrl-C reaches every process of the console by itself. */
const HAS_GROUPS = process.platform !== "win32"

export async function isFree(port: number): Promise<boolean> {
  const answers = await Promise.all(LOOPBACK.map((host) => canListen(host, port)))
  return answers.every(Boolean)
}

async function canListen(host: string, port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen({ host, port, exclusive: true }), "listening")
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "EADDRINUSE" // a machine without IPv6 has no ::1
  } finally {
    server.close()
  }
}

/** @returns The exit code of `wrangler dev`, or 0 when it was asked to end. */
export async function serve({ port, persistTo, others }: DevFlags): Promise<number> {
  const args = ["dev", "--port", String(port), "--persist-to", persistTo, "--show-interactive-dev-session", "false"]
  // a group of its own, so that a signal to us alone can end workerd and all that wrangler has started
  const server = startWrangler([...args, ...others], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    detached: HAS_GROUPS,
  })
  server.on("message", (message) => void announce(message, persistTo))
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop(server))
  const orphanCheck = stopWithNpm(server)
  const [code] = (await once(server, "exit")) as [number | null]
  clearInterval(orphanCheck)
  killGroup(server)
  return server.killed ? 0 : (code ?? 1)
}

/** Asks it to end; after a while, or when asked again, without asking. */
function stop(server: ChildProcess): void {
  if (server.killed) killGroup(server)
  server.kill("SIGTERM")
  setTimeout(killGroup, STOP_WITHIN_MS, server).unref()
}

/** A signal to npm ends npm and its shell, and never gets here; but then we have another parent. */
function stopWithNpm(server: ChildProcess): NodeJS.Timeout | undefined {
  const shell = process.ppid
  if (process.env.npm_lifecycle_event === undefined) return undefined
  const check = setInterval(() => {
    if (process.ppid === shell) return
    clearInterval(check)
    stop(server)
  }, PARENT_EVERY_MS)
  return check
}

function killGroup(server: ChildProcess): void {
  if (server.pid === undefined) return
  try {
    if (HAS_GROUPS) process.kill(-server.pid, "SIGKILL")
    else server.kill("SIGKILL")
  } catch {
    // nothing of it is left
  }
}

async function announce(message: unknown, persistTo: string): Promise<void> {
  const { event, ip, port } = JSON.parse(String(message)) as { event: string; ip: string; port: number }
  if (event !== "DEV_SERVER_READY") return
  const url = `http://${ip === "127.0.0.1" ? "localhost" : ip}:${port}`
  const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(FIRST_ANSWER_MS) }).catch(() => undefined)
  if (!answer) return
  const state = persistTo === DEFAULT_STATE ? "" : ` --persist-to ${persistTo}`
  console.log(`
  The film shop   ${url}
  Films           ${url}/v1/films?sort=-rating&limit=5
  API reference   ${url}/docs
  A staff token   npm run -s token -- --email you@example.com --role staff${state}
  Stop            Ctrl-C
`)
}
