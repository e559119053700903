/** What requests ask of the platform, out of the lines that Selvedge logs. */

import { setTimeout as wait } from "node:timers/promises"
import type { BenchServer } from "./server.ts"

/** Of one request, on average. */
export interface Counts {
  readonly trips: number
  readonly statements: number
  readonly rowsRead: number
  readonly rowsWritten: number
  readonly limiterCalls: number
  readonly kvReads: number
  readonly kvWrites: number
}

const NAMES = ["trips", "statements", "rowsRead", "rowsWritten", "limiterCalls", "kvReads", "kvWrites"] as const
const LOOK_EVERY_MS = 20
const LOOKS = 250

/** @param requests Sends so many requests to one Worker that logs, while nothing else is asked. */
export async function count(server: BenchServer, sent: number, requests: () => Promise<unknown>): Promise<Counts> {
  const lines: string[] = []
  const answered = () => lines.filter((line) => line.includes('"event":"request"'))
  server.keepLog(lines)
  try {
    await requests()
    for (let look = 0; answered().length < sent && look < LOOKS; look++) await wait(LOOK_EVERY_MS)
  } finally {
    server.keepLog(undefined)
  }
  const costs = answered().map((line) => JSON.parse(line) as Counts)
  if (costs.length !== sent) throw new Error(`${sent} requests have written ${costs.length} lines`)
  const average = (name: keyof Counts) => costs.reduce((sum, cost) => sum + cost[name], 0) / sent
  return Object.fromEntries(NAMES.map((name) => [name, average(name)])) as unknown as Counts
}
