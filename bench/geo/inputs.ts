/** What the simulation and the costs read: the files beside this one. */

import model from "./model.json" with { type: "json" }
import { createNetwork, type Pair } from "./network.ts"
import measured from "./paths.json" with { type: "json" }
import places from "./places.json" with { type: "json" }
import roundTrips from "./round-trips.json" with { type: "json" }

export { model, places }

/** What a request of one kind asks of the platform. */
export interface Path {
  /** In order, each after the one before. */
  readonly trips: readonly ("replica" | "primary")[]
  readonly statements: number
  readonly rowsRead: number
  readonly rowsWritten: number
  readonly limiterCalls: number
  readonly kvReads: number
  readonly kvWrites: number
  readonly afterwards: {
    readonly statements: number
    readonly rowsRead: number
    readonly rowsWritten: number
    readonly kvReads: number
    readonly kvWrites: number
    readonly feedWakes: number
    readonly clockWakes: number
    readonly queueMessages: number
    /** Sinks of the feed that moved; each stores where it is. */
    readonly cursors: number
  }
}

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
  [...places.cities, ...places.others] as unknown as Parameters<typeof createNetwork>[0],
  roundTrips.pairs as unknown as readonly Pair[],
  model.sameCityMs.ms,
)
