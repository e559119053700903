/** Round trips between cities: as published, else derived from the distance. */

export interface Place {
  readonly name: string
  /** Degrees north and east. */
  readonly at: readonly [number, number]
}

/** One city, another, ms, and the source. */
export type Pair = readonly [string, string, number, string]

export interface RoundTrip {
  readonly ms: number
  /** Not published, but reckoned from the distance. */
  readonly derived: boolean
}

export interface Network {
  roundTrip(from: string, to: string): RoundTrip
  /** ms = `factor` × km ^ `exponent`, fitted to the published pairs; by how much of itself it misses one of them. */
  readonly fit: { readonly factor: number; readonly exponent: number; readonly medianError: number }
}

const EARTH_RADIUS_KM = 6_371

/** @param sameCityMs Between two buildings of one city. */
export function createNetwork(places: readonly Place[], pairs: readonly Pair[], sameCityMs: number): Network {
  const byName = new Map(places.map((place) => [place.name, place]))
  const find = (name: string): Place => {
    const place = byName.get(name)
    if (!place) throw new TypeError(`${name} is not among the places`)
    return place
  }
  const published = new Map(
    pairs.flatMap(([from, to, ms]) => [`${from}|${to}`, `${to}|${from}`].map((key) => [key, ms])),
  )
  const known = pairs.map(([from, to, ms]) => ({ km: distanceKm(find(from), find(to)), ms }))
  const { factor, exponent } = fitPower(known)
  const derive = (km: number) => factor * km ** exponent
  const errors = known.map(({ km, ms }) => Math.abs(derive(km) / ms - 1)).sort((a, b) => a - b)
  const ways = new Map<string, RoundTrip>()
  const look = (from: string, to: string): RoundTrip => {
    if (from === to) return { ms: sameCityMs, derived: false }
    const ms = published.get(`${from}|${to}`)
    if (ms !== undefined) return { ms, derived: false }
    return { ms: derive(distanceKm(find(from), find(to))), derived: true }
  }
  return {
    fit: { factor, exponent, medianError: errors[Math.floor(errors.length / 2)]! },
    roundTrip(from, to) {
      const key = `${from}|${to}`
      const way = ways.get(key) ?? look(from, to)
      ways.set(key, way)
      return way
    },
  }
}

/** Along the great circle. */
export function distanceKm(one: Place, other: Place): number {
  const [lat1, lon1, lat2, lon2] = [...one.at, ...other.at].map((degrees) => (degrees * Math.PI) / 180) as [
    number,
    number,
    number,
    number,
  ]
  const half = Math.sin((lat2 - lat1) / 2) ** 2 + Math.cos(lat1) * Math.cos(lat2) * Math.sin((lon2 - lon1) / 2) ** 2
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(half))
}

/** Least squares of the logarithms, so that near pairs count as much as far ones. */
function fitPower(points: readonly { km: number; ms: number }[]): { factor: number; exponent: number } {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const logs = points.map(({ km, ms }) => ({ x: Math.log(km), y: Math.log(ms) }))
  const [meanX, meanY] = [mean(logs.map(({ x }) => x)), mean(logs.map(({ y }) => y))]
  const together = mean(logs.map(({ x, y }) => (x - meanX) * (y - meanY)))
  const exponent = together / mean(logs.map(({ x }) => (x - meanX) ** 2))
  return { exponent, factor: Math.exp(meanY - exponent * meanX) }
}
