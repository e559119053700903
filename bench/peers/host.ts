/** One host in a process of its own: tells its peers when they can be asked, and ends with the process that started it. */

import { join } from "node:path"
import type { Host, Peer } from "./lib/peer.ts"

export type HostMessage = { readonly peers: readonly Peer[] } | { readonly error: string }

const starting = start(process.argv[2]!)
starting.then(
  ({ peers }) => tell({ peers }),
  (error: Error) => tell({ error: error.stack ?? String(error) }),
)

// the channel closes however the run ends
process.once("disconnect", stop)

async function start(name: string): Promise<Host> {
  const { start } = (await import(join(import.meta.dirname, `hosts/${name}.ts`))) as { start(): Promise<Host> }
  return start()
}

/** Nobody listens any more when the run ended meanwhile. */
function tell(message: HostMessage): void {
  if (process.connected) process.send?.(message)
}

async function stop(): Promise<void> {
  try {
    const host = await starting
    await host.stop()
  } finally {
    process.exit()
  }
}
