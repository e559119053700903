/** One host in a process of its own: tells its peers when they can be asked, and ends with the process that started it. */

import { join } from "node:path"
import type { Host, Peer } from "./lib/peer.ts"

export type HostMessage = { readonly peers: readonly Peer[] } | { readonly error: string }

const starting = start(process.argv[2]!)
starting.then(
  ({ peers }) => process.send?.({ peers } satisfies HostMessage),
  (error: Error) =>
    process.send?.({ error: error.stack ?? String(error) } satisfies HostMessage, () => process.exit(1)),
)

// the channel closes however the run ends
process.once("disconnect", stop)

async function start(name: string): Promise<Host> {
  const { start } = (await import(join(import.meta.dirname, `hosts/${name}.ts`))) as { start(): Promise<Host> }
  return start()
}

async function stop(): Promise<void> {
  try {
    const host = await starting
    await host.stop()
  } finally {
    process.exit()
  }
}
