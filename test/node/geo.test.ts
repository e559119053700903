/** The simulation of bench/geo, and the bill of what its paths use. */

import { describe, expect, test } from "vitest"
import { dollars, freeADay, SERVICES, useOf } from "../../bench/geo/bill.ts"
import { createChance } from "../../bench/geo/chance.ts"
import { model, network, type Path, pathOf, paths, places } from "../../bench/geo/inputs.ts"
import { createNetwork, distanceKm } from "../../bench/geo/network.ts"
import { atTheEdge, inOneRegion, timesOf } from "../../bench/geo/simulate.ts"

const city = (name: string) => places.cities.find((city) => city.name === name)!
const edge = (path: Path, from: string, seed = 1) => {
  const chance = createChance(seed)
  return timesOf([city(from)], (city) => atTheEdge({ path, safe: true }, city, chance))
}

describe("round trips", () => {
  test("a published pair is taken as it is, from either end, and another is reckoned and says so", () => {
    expect(network.roundTrip("London", "Frankfurt")).toEqual({ ms: 13, derived: false })
    expect(network.roundTrip("Frankfurt", "London")).toEqual({ ms: 13, derived: false })
    expect(network.roundTrip("Lagos", "London").derived).toBe(true)
  })

  test("what is reckoned lies on the curve through the published pairs", () => {
    const at = (longitude: number): [number, number] => [0, longitude]
    const line = ["a", "b", "c", "d"].map((name, index) => ({ name, at: at(10 * index) }))
    const small = createNetwork(
      line,
      [
        ["a", "b", 10, "x"],
        ["a", "c", 10 * Math.SQRT2, "x"],
      ],
      1,
    )
    expect(small.roundTrip("a", "d").ms).toBeCloseTo(10 * Math.sqrt(3))
    expect(small.roundTrip("a", "a").ms).toBe(1)
  })

  test("no way is shorter than light in glass takes", () => {
    const all = [...places.cities, ...places.others]
    const tooShort = all.flatMap((one) =>
      all.flatMap((other) => {
        const { ms } = network.roundTrip(one.name, other.name)
        return one !== other && ms < distanceKm(one, other) / 100 ? [`${one.name} to ${other.name}: ${ms} ms`] : []
      }),
    )
    expect(tooShort).toEqual([])
  })
})

describe("the simulation", () => {
  test("the same seed gives the same times, another almost the same", () => {
    const path = pathOf("list")
    expect(edge(path, "Madrid")).toEqual(edge(path, "Madrid"))
    expect(Math.abs(edge(path, "Madrid", 2).p50 / edge(path, "Madrid").p50 - 1)).toBeLessThan(0.05)
  })

  test("a spread has the median and the 95th percentile that it was given", () => {
    const chance = createChance(7)
    const times = Array.from({ length: 20_000 }, () => chance.time({ medianMs: 10, p95Ms: 50 })).sort((a, b) => a - b)
    expect(times[10_000]! / 10).toBeCloseTo(1, 1)
    expect(times[19_000]! / 50).toBeCloseTo(1, 1)
  })

  test("each trip to the primary costs the way there, and one in the region does not", () => {
    const path = pathOf("create")
    const twice = { ...path, trips: [...path.trips, "primary" as const] }
    const way = network.roundTrip("Tokyo", "Washington").ms
    expect(edge(twice, "Tokyo").p50 - edge(path, "Tokyo").p50).toBeGreaterThan(way)
    const inRegion = (of: Path) => {
      const chance = createChance(1)
      return timesOf([city("Tokyo")], (from) => inOneRegion({ path: of, safe: false }, from, chance)).p50
    }
    expect(inRegion(twice) - inRegion(path)).toBeLessThan(model.singleRegion.databaseWrite.p95Ms)
  })

  test("a kept answer does not leave the caller's city", () => {
    expect(edge(pathOf("kept, in the isolate"), "Johannesburg").p50).toBeLessThan(model.goals.cachedReadP50Ms)
    expect(edge(pathOf("list"), "Johannesburg").p50).toBeGreaterThan(network.roundTrip("Johannesburg", "London").ms)
  })
})

describe("the bill", () => {
  test("every kind that was counted has a price, and a kept answer costs less than a write", () => {
    const total = (kind: string) => {
      const cost = dollars(useOf(kind, pathOf(kind)))
      return SERVICES.reduce((sum, service) => sum + cost[service], 0)
    }
    for (const kind of paths.keys()) expect(total(kind), kind).toBeGreaterThan(0.3)
    expect(total("kept, in the isolate")).toBeLessThan(total("create") / 10)
  })

  test("a million rows written cost a dollar, and the free plan takes 100,000 of them a day", () => {
    const none = useOf("get", pathOf("get"))
    const use = { ...none, ...Object.fromEntries(SERVICES.map((service) => [service, 0])), d1RowsWritten: 2 }
    expect(dollars(use).d1RowsWritten).toBe(2)
    expect(freeADay(use)).toEqual({ requests: 50_000, bound: "d1RowsWritten" })
  })
})
