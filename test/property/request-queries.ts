/** Random query strings of lists, aggregates and single records. */

import fc from "fast-check"
import type { Collection } from "../../src/access/model.ts"
import { ruleScope } from "../../src/access/visibility.ts"
import { filtersOver } from "./filters.ts"
import { idOf } from "./rows.ts"
import { operandFor } from "./values.ts"

/** Stands where a cursor or a bookmark of an earlier answer shall stand. */
export const EARLIER = "~earlier~"

// biome-ignore format: one text a trap
const NASTY = [
  "", " ", "null", "\u0000", "\ufffd", "😀", "é", "'", '"', "\\", ";--", "%", "%00", "%zz", "%ed%a0%80", "\ud800", "a,b", ",", "a".repeat(5_000),
  "__proto__", "constructor", "toString", "-", "--", ".", "..", "1e999", "-0", "NaN", "1".repeat(400), "[]", "{}", "[", "*", "\u2028",
]
const BAD_FILTERS = [
  "{",
  '{"__proto__":1}',
  `${'{"not":'.repeat(9)}{}${"}".repeat(9)}`,
  `{"or":[${Array(51).fill('{"id":"x"}').join()}]}`,
  `{"id":{"in":[${Array(1_001).fill('"x"').join()}]}}`,
  "[".repeat(20_000),
  '{"id":{"eq":{"a":1}}}',
  '{"id":"\\u0000nobody"}',
]
const SEARCHES = [
  "a",
  "word",
  "a b",
  "é",
  "c++",
  "e-mail",
  "col:x",
  "NEAR(a b)",
  '"',
  "^a",
  "a*",
  "-a",
  "\u{16100}",
  "٣",
  "日本",
  "AND",
  "a".repeat(200),
]
const OPERATORS = [
  "",
  "",
  "[ne]",
  "[gt]",
  "[lte]",
  "[in]",
  "[notIn]",
  "[contains]",
  "[startsWith]",
  "[has]",
  "[x]",
  "[",
]

export const nasty = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
)

export function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

export function mostly<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>, weight = 5): fc.Arbitrary<T> {
  return fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: odd })
}

export function queriesOf(collection: Collection): fc.Arbitrary<string[]> {
  const keys = collection.table.columns.map((column) => column.key)
  const relations = [...collection.relations.keys()]
  const inner = [...collection.relations.values()].flatMap(({ name, target, collection: related }) => ({
    fields: target.columns.map((column) => `${name}.${column.key}`),
    relations: [...(related?.relations.keys() ?? [])].map((next) => `${name}.${next}`),
  }))
  const fields = [...keys, ...relations, ...inner.flatMap((level) => [...level.fields, ...level.relations])]
  const expandable = [...relations, ...inner.flatMap((level) => level.relations), "nothing"]
  const filter = fc.oneof(
    {
      weight: 9,
      arbitrary: filtersOver(collection, ruleScope(collection), { relations: 3, texts: [idOf(1)] }).map((drawn) =>
        JSON.stringify(drawn),
      ),
    },
    { weight: 1, arbitrary: fc.jsonValue().map((drawn) => JSON.stringify(drawn)) },
    { weight: 1, arbitrary: fc.constantFrom(...BAD_FILTERS) },
  )
  const sorts = collection.sorts.flatMap(({ text }) => [text, text.split(",")[0]!, turned(text)])
  const functions = ["count", ...keys.flatMap((key) => [`sum(${key})`, `avg(${key})`, `min(${key})`, `max(${key})`])]
  const simple = fc
    .constantFrom(...collection.table.columns)
    .chain((column) =>
      fc
        .tuple(fc.constantFrom(...OPERATORS), mostly(operandFor(column).map(String), nasty))
        .map(([op, value]) => `${column.key}${op}=${encoded(value)}`),
    )
  const parameter = fc.oneof(
    { weight: 6, arbitrary: pair("filter", filter) },
    { weight: 4, arbitrary: simple },
    { weight: 3, arbitrary: pair("sort", fc.constantFrom(...sorts)) },
    { weight: 3, arbitrary: pair("limit", fc.constantFrom("1", "2", "5", "100", "1000", "0")) },
    { weight: 2, arbitrary: pair("fields", names(fields)) },
    { weight: 3, arbitrary: pair("expand", names(expandable)) },
    { weight: 2, arbitrary: pair("q", fc.constantFrom(...SEARCHES)) },
    { weight: 2, arbitrary: fc.constant("count=exact") },
    { weight: 1, arbitrary: pair("after", fc.constantFrom(EARLIER, btoa('{"v":1,"k":[],"h":""}'), btoa("x"))) },
    { weight: 1, arbitrary: pair("before", fc.constantFrom(EARLIER, "!")) },
    { weight: 1, arbitrary: nasty.map(encoded) },
  )
  const group = mostly(
    pair("group", names(keys)).map((drawn) => [drawn]),
    fc.constant<string[]>([]),
  )
  const aggregate = fc.tuple(
    pair("aggregate", names(functions)),
    group,
    mostly(
      fc.constant<string[]>([]),
      parameter.map((drawn) => [drawn]),
      2,
    ),
  )
  return mostly(
    fc.array(parameter, { maxLength: 3 }),
    aggregate.map(([first, ...rest]) => [first, ...rest.flat()]),
    4,
  )
}

function names(known: readonly string[]): fc.Arbitrary<string> {
  return fc
    .array(mostly(fc.constantFrom(...known), nasty, 30), { minLength: 1, maxLength: 3 })
    .map((drawn) => drawn.join(","))
}

function pair(name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return mostly(value, nasty, 12).map((drawn) => `${name}=${encoded(drawn)}`)
}

function turned(sort: string): string {
  return sort.replace(/-?[^,]+/g, (key) => (key.startsWith("-") ? key.slice(1) : `-${key}`))
}
