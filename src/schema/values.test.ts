import { integer, sqliteTable } from "drizzle-orm/sqlite-core"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { describeColumn } from "./columns.ts"
import { parseTimestamp, toWire } from "./values.ts"

const { at } = sqliteTable("times", { at: integer({ mode: "timestamp_ms" }) })
const column = describeColumn("times", "at", at)

test("a time is written as toISOString writes it, and read back as the same time", () => {
  fc.assert(
    fc.property(
      fc.date({ noInvalidDate: true, min: new Date(-62_167_219_200_000), max: new Date(253_402_300_799_999) }),
      (date) => {
        expect(toWire(column, date.getTime())).toBe(date.toISOString())
        expect(parseTimestamp(date.toISOString())).toBe(date.getTime())
      },
    ),
    { numRuns: 2_000 },
  )
})

test("a stored time that is no date is an error, not a wrong date", () => {
  expect(() => toWire(column, 9e15)).toThrow(RangeError)
})

test.each([
  "2026-02-30T00:00:00Z",
  "2026-13-01T00:00:00Z",
  "2026-01-01T24:00:00Z",
  "2026-01-01",
  "2026-01-01T00:00:00",
  "26-01-01T00:00:00Z",
  "0000-01-01T00:00:00+23:59",
])("%s is no time", (text) => {
  expect(parseTimestamp(text)).toBeNaN()
})
