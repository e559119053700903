/** Values of every kind of column, in the form of the wire, with the ones that go wrong most often. */

import fc from "fast-check"
import { NOBODY } from "../../src/core/caller.ts"
import type { Column } from "../../src/schema/columns.ts"

/** A record as JSON has it. */
export type Row = Record<string, unknown>

// biome-ignore format: one row a trap
const TEXTS = [
  "", " ", "a", "A", "b", "ab", "AB", "aB", "abc",
  "é", "É", "e\u0301", "İ", "I", "i", "ı", "ſ", "s", "S", "\u212a", "K", "k", "ß", "SS", "Å", "å",
  "%", "_", "a_b", "a%b", "axb", "\\", "'", '"', "a'b", "]", "*",
  "\ud7ff", "\ue000", "\uffee", "\ufffd", "😀", "😀a", "\u{10ffff}",
  "5", "5.0", "05", "5e0", "-0", "null", "true", "\u0001", "\n",
]
const INTEGERS = [0, 1, -1, 2, 3, 5, 100, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, -(2 ** 53 - 1)]
const REALS = [
  0,
  -0,
  0.5,
  -0.5,
  0.1,
  0.1 + 0.2,
  1 / 3,
  1.5,
  5,
  1e300,
  -1e300,
  5e-324,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 62 + 2 ** 11,
  1e21,
]
const TIMES = [
  "1969-12-31T23:59:59.999Z",
  "1970-01-01T00:00:00.000Z",
  "1970-01-01T00:00:00.001Z",
  "1970-01-01T00:00:01.000Z",
  "2026-01-31T12:00:00.000Z",
  "2026-01-31T12:00:00.500Z",
  "2026-01-31T12:00:01.000Z",
  "0001-01-01T00:00:00.000Z",
  "9999-12-31T23:59:59.999Z",
]
const BIGINTS = [
  "0",
  "1",
  "-1",
  "5",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "-9007199254740993",
  "9223372036854775807",
  "9223372036854775806",
  "-9223372036854775808",
]
const BYTES = ["", "AA", "AAE", "_w", "AAAA", "YWJj"]
const ELEMENTS = [0, 1, 5, -0, 1.5, 1e21, 2 ** 62 + 2 ** 11, true, false, "", "a", "A", "1", "5", "true", "É", "😀"]

const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 3, arbitrary: fc.array(fc.constantFrom(...TEXTS), { maxLength: 3 }).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 6 }).filter((drawn) => !drawn.includes("\u0000")) },
)
const integer = fc.oneof(fc.constantFrom(...INTEGERS), fc.integer({ min: -5, max: 5 }))
const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
const real = fc.oneof(
  fc.constantFrom(...REALS),
  fc.integer({ min: -4, max: 4 }).map((n) => n / 2),
  finite,
)
const time = fc.oneof(
  fc.constantFrom(...TIMES),
  fc.integer({ min: 0, max: 40 }).map((n) => new Date(n * 500).toISOString()),
)
const bytes = fc.constantFrom(...BYTES)
const element = fc.constantFrom<string | number | boolean>(...ELEMENTS)
const json = fc.oneof(
  { weight: 8, arbitrary: fc.array(element, { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>([null], [[1, "a"]], [{ a: 1 }], { 0: "a" }, "a", 5, true) },
)

/** What a row may hold in a column, null left out. */
export function fieldValue(column: Column): fc.Arbitrary<unknown> {
  switch (column.kind) {
    case "text":
      return column.choices ? fc.constantFrom(...column.choices) : text
    case "integer":
      return integer
    case "real":
      return real
    case "boolean":
      return fc.boolean()
    case "timestamp":
      return column.unit === 1 ? time : time.map((drawn) => drawn.replace(/\.\d+Z/, ".000Z"))
    case "bigint":
      return fc.constantFrom(...BIGINTS)
    case "blob":
      return bytes
    case "json":
      return json
  }
}

/** What a filter may compare a column with, null left out: more than the column can hold. */
export function operandFor(column: Column): fc.Arbitrary<unknown> {
  switch (column.kind) {
    case "integer":
      return fc.oneof(
        integer,
        fc.constantFrom(0.5, -0.5, 1.5, -1e-9, 2 ** 52 + 0.5),
        fc.integer({ min: -9, max: 9 }).map((n) => n / 2),
      )
    case "timestamp":
      return fc.oneof(time, fc.constantFrom("2026-01-31T13:00:00+01:00", "1970-01-01T00:00:00.5Z"))
    case "text":
      return text
    default:
      return fieldValue(column)
  }
}

export const elementOperand: fc.Arbitrary<unknown> = element
/** The id of an anonymous caller, as a rule would put it there. */
export const nobody = fc.constant(NOBODY)
