/** What a million requests of a kind use, and what that costs at list prices. */

import { limiterShare, model, type Path } from "./inputs.ts"
import prices from "./prices.json" with { type: "json" }
import usage from "./usage.json" with { type: "json" }

export type Service = Exclude<keyof typeof prices, "note">
/** So much of each service, for one request. */
export type Use = Readonly<Record<Service, number>>

export const SERVICES = Object.keys(prices).filter((name) => name !== "note") as Service[]
export const MILLION = 1_000_000

/** @param kind Tells its CPU. */
export function useOf(kind: string, path: Path): Use {
  const { afterwards } = path
  const { objects, cpuMs } = usage
  const limiterCalls = limiterShare + (kind === "sign-in" ? model.guess.objectCalls : 0)
  const awakeS =
    limiterCalls * objects.limiterCallS +
    afterwards.feedWakes * objects.feedWakeS +
    afterwards.clockWakes * objects.clockWakeS
  const own = (cpuMs.byKind as Record<string, number>)[kind]
  if (own === undefined) throw new TypeError(`usage.json has no CPU for ${kind}`)
  return {
    workerRequests: 1 + afterwards.queueMessages * usage.requestsPerQueueMessage.count,
    cpuMs: own + afterwards.queueMessages * cpuMs.perQueueMessage,
    d1RowsRead: path.rowsRead + afterwards.rowsRead,
    d1RowsWritten: path.rowsWritten + afterwards.rowsWritten,
    objectRequests: limiterCalls + afterwards.feedWakes + afterwards.clockWakes,
    objectGbSeconds: awakeS * objects.gb,
    objectRowsWritten:
      limiterCalls * objects.limiterRows + afterwards.cursors + afterwards.clockWakes * objects.clockRows,
    kvKeysRead: path.kvKeysRead + afterwards.kvKeysRead,
    kvWrites: path.kvWrites + afterwards.kvWrites,
    queueOperations: afterwards.queueMessages * usage.queueOperationsPerMessage.count,
  }
}

/** @param parts Kinds, each with its share. */
export function mixed(parts: readonly { readonly use: Use; readonly share: number }[]): Use {
  const of = (service: Service) => parts.reduce((sum, { use, share }) => sum + share * use[service], 0)
  return Object.fromEntries(SERVICES.map((service) => [service, of(service)])) as Record<Service, number>
}

/** Dollars for a million, by service, beyond what the paid plan includes. */
export function dollars(use: Use): Record<Service, number> {
  const of = (service: Service) => (use[service] * MILLION * prices[service].usd) / prices[service].per
  return Object.fromEntries(SERVICES.map((service) => [service, of(service)])) as Record<Service, number>
}

/** How many requests of this kind alone the free plan takes in a day, and what ends them. */
export function freeADay(use: Use): { readonly requests: number; readonly bound: Service } {
  const bounds = SERVICES.flatMap((service) => {
    const given = prices[service].freeADay
    return given === null || use[service] === 0 ? [] : [{ requests: given / use[service], bound: service }]
  })
  return bounds.reduce((least, bound) => (bound.requests < least.requests ? bound : least))
}
