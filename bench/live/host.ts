/** One server in a process of its own: tells where it is, when its rows were committed, and ends with the run. */

import { join } from "node:path"
import type { Commits } from "./lib/rows.ts"
import type { HostName } from "./lib/servers.ts"

export type HostMessage = { readonly port: number } | { readonly commits: Commits } | { readonly error: string }

interface Host {
  readonly port: number
  commits(): Promise<Commits>
  stop(): Promise<void>
}

const [name, folder] = process.argv.slice(2) as [HostName, string]
const starting = start()
starting.then(({ port }) => tell({ port }), fail)

/** It asks for one thing only. */
process.on("message", () => {
  starting.then((host) => host.commits()).then((commits) => tell({ commits }), fail)
})
// the channel closes however the run ends
process.once("disconnect", stop)

async function start(): Promise<Host> {
  return name === "ws" || name === "socket.io" ? startNode() : startWorkerd()
}

async function startNode(): Promise<Host> {
  const app = (await import(join(import.meta.dirname, `peers/${name}.js`))) as { start(): Promise<number> }
  return { port: await app.start(), commits: async () => [], stop: async () => {} }
}

/** Its modules are loaded here only: the servers on Node are small. */
async function startWorkerd(): Promise<Host> {
  const [{ entryOf, startWorker }, { commitsOf, createTables }] = await Promise.all([
    import("./lib/workerd.ts"),
    import("./lib/rows.ts"),
  ])
  const { port, db, stop } = await startWorker(entryOf(name)!, folder)
  if (name === "selvedge") await createTables(db)
  return { port, commits: () => commitsOf(db), stop }
}

/** Nobody listens any more when the run ended meanwhile. */
function tell(message: HostMessage): void {
  if (process.connected) process.send?.(message)
}

function fail(error: unknown): void {
  tell({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
}

async function stop(): Promise<void> {
  try {
    const host = await starting
    await host.stop()
  } finally {
    process.exit()
  }
}
