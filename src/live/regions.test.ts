import { describe, expect, test } from "vitest"
import { regionOf } from "./regions.ts"

describe("a client's region", () => {
  test.each([
    ["Seattle", { continent: "NA", country: "US", longitude: "-122.33" }, "wnam"],
    ["New York", { continent: "NA", country: "US", longitude: "-74.01" }, "enam"],
    ["São Paulo", { continent: "SA", country: "BR", longitude: "-46.63" }, "sam"],
    ["Lisbon", { continent: "EU", country: "PT", longitude: "-9.14" }, "weur"],
    ["Berlin", { continent: "EU", country: "DE", longitude: "13.41" }, "weur"],
    ["Warsaw", { continent: "EU", country: "PL", longitude: "21.01" }, "eeur"],
    ["Vladivostok", { continent: "EU", country: "RU", longitude: "131.89" }, "apac"],
    ["Istanbul", { continent: "AS", country: "TR", longitude: "28.98" }, "eeur"],
    ["Dubai", { continent: "AS", country: "AE", longitude: "55.27" }, "me"],
    ["Cairo", { continent: "AF", country: "EG", longitude: "31.24" }, "me"],
    ["Casablanca", { continent: "AF", country: "MA", longitude: "-7.59" }, "weur"],
    ["Nairobi", { continent: "AF", country: "KE", longitude: "36.82" }, "afr"],
    ["Tokyo", { continent: "AS", country: "JP", longitude: "139.69" }, "apac"],
    ["Auckland", { continent: "OC", country: "NZ", longitude: "174.76" }, "oc"],
    ["Fiji, on the line where the days meet", { continent: "OC", country: "FJ", longitude: "180" }, "oc"],
    ["McMurdo", { continent: "AN", country: "AQ", longitude: "166.67" }, "oc"],
  ])("is near: %s", (_, place, region) => {
    expect(regionOf(place)).toBe(region)
  })

  test("is the west of its continent when the longitude isn't known", () => {
    expect(regionOf({ continent: "NA" })).toBe("wnam")
    expect(regionOf({ continent: "EU", country: "PL", longitude: "somewhere" })).toBe("weur")
  })

  test("is nowhere when nothing is known, or what is known is no place", () => {
    expect(regionOf(undefined)).toBe("local")
    expect(regionOf({})).toBe("local")
    expect(regionOf({ continent: "T1", country: "T1" })).toBe("local")
    expect(regionOf({ continent: "constructor", country: "constructor" })).toBe("local")
    expect(regionOf({ country: "DE", longitude: "13.41" })).toBe("local")
  })

  test("comes from the continent when the country's name means something else to an object", () => {
    expect(regionOf({ continent: "AS", country: "constructor" })).toBe("apac")
  })
})
