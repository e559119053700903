/** What a change costs that few of many subscriptions match, beside those few alone. */

import { setTimeout as wait } from "node:timers/promises"
import { startClients } from "./clients.ts"
import type { OrderOf } from "./orders.ts"
import { startServer } from "./servers.ts"
import type { WireName } from "./wire.ts"

/** CPU in milliseconds of one change, until it has been delivered. */
export interface Cost {
  readonly subscriptions: number
  readonly byPost: number
  /** Written in batches of SQL, so that the write and what it wakes weigh little. */
  readonly byRows: number
}

export interface Matching {
  readonly matching: number
  readonly few: Cost
  readonly many: Cost
}

const MATCHING = 10
const SOCKETS: Record<"few" | "many", { wire: WireName; sockets: number; subscriptions: number }> = {
  few: { wire: "few filters", sockets: MATCHING, subscriptions: MATCHING },
  many: { wire: "many filters", sockets: 100, subscriptions: 10_000 },
}
const BY_POST: OrderOf<"publish"> = { kind: "publish", how: "post", perSecond: 25, times: 100 }
const BY_ROWS: OrderOf<"publish"> = { kind: "publish", how: "rows", perSecond: 10, times: 40 }
const WARM_UP_MS = 1_000
const SETTLE_MS = 1_500
const WITHIN_MS = 15_000

export async function measureMatching(folder: string): Promise<Matching> {
  return { matching: MATCHING, few: await costOf("few", folder), many: await costOf("many", folder) }
}

async function costOf(which: "few" | "many", folder: string): Promise<Cost> {
  const { wire, sockets, subscriptions } = SOCKETS[which]
  const server = await startServer("selvedge", folder)
  const clients = startClients()

  async function publish(order: OrderOf<"publish" | "flood">): Promise<number> {
    await clients.reset(1)
    const before = server.cpuMs()
    const { messages } = await clients.publish(order)
    const missing = await clients.settle(messages * MATCHING, WITHIN_MS)
    if (missing !== 0) throw new Error(`${missing} messages too few for ${subscriptions} subscriptions`)
    return (server.cpuMs() - before) / messages
  }

  try {
    for (const share of ["publishers", "receivers"] as const) await clients.open(server.port, wire, sockets, share)
    for (const how of ["post", "rows"] as const) await publish({ kind: "flood", how, inFlight: 2, ms: WARM_UP_MS })
    await wait(SETTLE_MS)
    return { subscriptions, byPost: await publish(BY_POST), byRows: await publish(BY_ROWS) }
  } finally {
    clients.stop()
    await server.stop()
  }
}
