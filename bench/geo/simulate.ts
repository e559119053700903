/** How long a request takes from a city: by Selvedge, and by a server and database in one region. */

import { type Chance, percentile } from "./chance.ts"
import { type City, limiterShare, model, network, type Path, places } from "./inputs.ts"

export type Access = "fixed" | "mobile"

/** A kind of request, as the simulation sees it. */
export interface Kind {
  readonly path: Path
  /** The limiter is asked beside the rest, as for safe methods; otherwise before it. */
  readonly safe: boolean
  /** Somebody gives a password: it is counted, and hashed. */
  readonly guesses?: boolean
  /** The first request of a caller, of whom the isolate knows nothing. */
  readonly isFirst?: boolean
}

/** Kinds of request that stand for one, each with its share. */
export type Mix = readonly { readonly kind: Kind; readonly share: number }[]

export interface Times {
  readonly p50: number
  readonly p95: number
}

const { service, shares, singleRegion, jitterP95, kvStores, samplesPerCity } = model
const D1_CITIES = Object.values(places.regions)
const PRIMARY = places.regions[places.primary]!

/** @param run Gives the time of one request. */
export function timesOf(cities: readonly City[], run: (city: City) => number): Times {
  const samples = cities
    .flatMap((city) => Array.from({ length: samplesPerCity }, () => run(city)))
    .sort((a, b) => a - b)
  return { p50: percentile(samples, 0.5), p95: percentile(samples, 0.95) }
}

export function pick(mix: Mix, chance: Chance): Kind {
  let rest = chance.next()
  for (const { kind, share } of mix) {
    rest -= share
    if (rest < 0) return kind
  }
  return mix.at(-1)!.kind
}

/** In the caller's city runs the Worker; what it asks is near or far. */
export function atTheEdge(
  { path, safe, guesses, isFirst }: Kind,
  city: City,
  chance: Chance,
  access: Access = "fixed",
): number {
  const way = (to: string) => jittered(network.roundTrip(city.name, to).ms, chance)
  const askLimiter = () => way(city.objectsIn) + chance.time(service.limiterCall)
  const counted = guesses ? askLimiter() : 0
  const hop = chance.happens(isFirst ? 1 : limiterShare) ? askLimiter() : 0
  const kv = Array.from({ length: Math.min(1, path.kvReads) }, () => readKv()).reduce(sum, 0)
  const trips = path.trips.map((to) =>
    to === "primary"
      ? way(PRIMARY) + chance.time(service.primaryTrip)
      : way(nearest(city.name, D1_CITIES)) + chance.time(service.replicaTrip),
  )
  const work = chance.time(service.worker) + (guesses ? chance.time(service.passwordHash) : 0)
  const rest = kv + trips.reduce(sum, 0)
  return chance.time(model.access[access]) + counted + work + (safe ? Math.max(hop, rest) : hop + rest)

  /** Reads of one request leave together. */
  function readKv(): number {
    const cold = chance.happens(shares.kvCold.share)
    return chance.time(service.kvHot) + (cold ? way(nearest(city.name, kvStores.cities)) : 0)
  }
}

/** The same steps, all of them in one building, after the way there over a connection that is open. */
export function inOneRegion({ path, guesses }: Kind, city: City, chance: Chance, access: Access = "fixed"): number {
  const { databaseRead, databaseWrite, cacheRead } = singleRegion
  const way = jittered(network.roundTrip(city.name, singleRegion.city).ms, chance)
  const cacheReads = 1 + (guesses ? 1 : 0) + Math.min(1, path.kvReads)
  const cache = Array.from({ length: cacheReads }, () => chance.time(cacheRead)).reduce(sum, 0)
  const trips = path.trips.map((to) => chance.time(to === "primary" ? databaseWrite : databaseRead)).reduce(sum, 0)
  const work = chance.time(service.worker) + (guesses ? chance.time(service.passwordHash) : 0)
  return chance.time(model.access[access]) + way + work + cache + trips
}

export function nearest(city: string, among: readonly string[]): string {
  const ms = (other: string) => network.roundTrip(city, other).ms
  return among.reduce((best, other) => (ms(other) < ms(best) ? other : best))
}

function jittered(ms: number, chance: Chance): number {
  return chance.time({ medianMs: ms, p95Ms: ms * jitterP95.factor })
}

function sum(total: number, ms: number): number {
  return total + ms
}
