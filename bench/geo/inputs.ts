/** What the simulation and the costs read: the files beside this one. */

import model from "./model.json" with { type: "json" }
import { createNetwork, type Pair, type Place } from "./network.ts"
import measured from "./paths.json" with { type: "json" }
import given from "./places.json" with { type: "json" }
import roundTrips from "./round-trips.json" with { type: "json" }

export { model }

export interface City extends Place {
  readonly continent: string
  /** Where an object first called from here is made. */
  readonly objectsIn: string
}

export const places = given as unknown as {
  readonly cities: readonly City[]
  readonly others: readonly Place[]
  /** The city of each region of D1. */
  readonly regions: Readonly<Record<string, string>>
  readonly primary: string
}

/** What a request of one kind asks of the platform. */
export interface Path {
  /** In order, each after the one before. */
  readonly trips: readonly ("replica" | "primary")[]
  readonly statements: number
  readonly rowsRead: number
  readonly rowsWritten: number
  readonly kvReads: number
  readonly kvKeysRead: number
  readonly kvWrites: number
  readonly afterwards: {
    readonly statements: number
    readonly rowsRead: number
    readonly rowsWritten: number
    readonly kvKeysRead: number
    readonly kvWrites: number
    readonly feedWakes: number
    readonly clockWakes: number
    readonly queueMessages: number
    /** Sinks of the feed that moved; each stores where it is. */
    readonly cursors: number
  }
}

/** Of the requests of a caller with steady traffic, how many ask its limiter; its leases cover the others. */
export const limiterShare = measured.limiter.calls / measured.limiter.requests

export const paths: ReadonlyMap<string, Path> = new Map(
  Object.entries(measured.kinds).map(([kind, { trips, ...counts }]) => [
    kind,
    { ...counts, trips: trips.split(", ").filter((trip) => trip === "replica" || trip === "primary") },
  ]),
)

export function pathOf(kind: string): Path {
  const path = paths.get(kind)
  if (!path) throw new TypeError(`paths.json has no ${kind}: npm run bench:paths`)
  return path
}

export const network = createNetwork(
  [...places.cities, ...places.others],
  roundTrips.pairs as unknown as readonly Pair[],
  model.sameCityMs.ms,
)
