/** Random query strings of lists, aggregates and single records. */

import fc from "fast-check"
import type { Collection } from "../../src/access/model.ts"
import { ruleScope } from "../../src/access/visibility.ts"
import type { Column } from "../../src/schema/columns.ts"
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

/** Query strings with traps in them. */
export function queriesOf(collection: Collection): fc.Arbitrary<string[]> {
  const filter = fc.oneof(
    { weight: 9, arbitrary: filtersOf(collection, [idOf(1)]) },
    { weight: 1, arbitrary: fc.jsonValue().map((drawn) => JSON.stringify(drawn)) },
    { weight: 1, arbitrary: fc.constantFrom(...BAD_FILTERS) },
  )
  const simple = fc
    .constantFrom(...collection.table.columns)
    .chain((column) =>
      fc
        .tuple(fc.constantFrom(...OPERATORS), mostly(operandFor(column).map(String), nasty))
        .map(([op, value]) => `${column.key}${op}=${encoded(value)}`),
    )
  const known = namesOf(collection)
  const trap = (name: string, value: fc.Arbitrary<string>) => pair(name, mostly(value, nasty, 12))
  const parameter = fc.oneof(
    { weight: 6, arbitrary: trap("filter", filter) },
    { weight: 4, arbitrary: simple },
    { weight: 3, arbitrary: trap("sort", fc.constantFrom(...known.sorts)) },
    { weight: 3, arbitrary: trap("limit", fc.constantFrom("1", "2", "5", "100", "1000", "0")) },
    { weight: 2, arbitrary: trap("fields", list(mostly(fc.constantFrom(...known.fields), nasty, 30))) },
    { weight: 3, arbitrary: trap("expand", list(mostly(fc.constantFrom(...known.relations, "nothing"), nasty, 30))) },
    { weight: 2, arbitrary: trap("q", fc.constantFrom(...SEARCHES)) },
    { weight: 2, arbitrary: fc.constant("count=exact") },
    { weight: 1, arbitrary: trap("after", fc.constantFrom(EARLIER, btoa('{"v":1,"k":[],"h":""}'), btoa("x"))) },
    { weight: 1, arbitrary: trap("before", fc.constantFrom(EARLIER, "!")) },
    { weight: 1, arbitrary: nasty.map(encoded) },
  )
  const aggregate = [
    trap("aggregate", list(mostly(fc.constantFrom(...known.functions, "sum(id)", "avg(nothing)"), nasty, 30))),
    trap("group", list(mostly(fc.constantFrom(...known.keys), nasty, 30))),
    parameter,
  ] as const
  return mostly(fc.array(parameter, { maxLength: 3 }), fc.tuple(...aggregate).map(some), 4)
}

/**
 * Query strings that are right wherever the fields and relations they name are there.
 * @param texts Values that stand in many rows.
 */
export function fairQueriesOf(collection: Collection, texts: readonly string[]): fc.Arbitrary<string[]> {
  const known = namesOf(collection)
  const maybe = (parameter: fc.Arbitrary<string>, chance = 1) =>
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: chance, arbitrary: parameter.map((drawn): string[] => [drawn]) },
    )
  const filter = maybe(pair("filter", filtersOf(collection, texts)), 4)
  const search = maybe(
    pair("q", fc.constantFrom(...texts.filter((text) => text.length < 10))),
    known.searchable ? 2 : 0,
  )
  const lists = fc.tuple(
    filter,
    search,
    maybe(pair("sort", fc.constantFrom(...known.sorts)), 2),
    maybe(pair("limit", fc.constantFrom("1", "2", "3", "100")), 6),
    maybe(pair("fields", list(fc.constantFrom(...known.fields)))),
    maybe(pair("expand", list(fc.constantFrom(...known.relations))), 2),
    maybe(fc.constant("count=exact")),
  )
  const aggregates = fc.tuple(
    pair("aggregate", list(fc.constantFrom(...known.functions))).map((drawn) => [drawn]),
    maybe(pair("group", list(fc.constantFrom(...known.keys))), 6),
    filter,
    search,
  )
  return fc.oneof({ weight: 4, arbitrary: lists }, { weight: 1, arbitrary: aggregates }).map((parts) => parts.flat())
}

function filtersOf(collection: Collection, texts: readonly string[]): fc.Arbitrary<string> {
  const filters = filtersOver(collection, ruleScope(collection), { relations: 3, texts })
  return filters.map((drawn) => JSON.stringify(drawn))
}

/** What a list of the collection may name, if the caller sees it. */
function namesOf(collection: Collection) {
  const keys = collection.table.columns.map((column) => column.key)
  const own = [...collection.relations.values()]
  const inner = own.flatMap(({ name, target }) => target.columns.map((column) => `${name}.${column.key}`))
  const further = own.flatMap((relation) =>
    [...(relation.collection?.relations.keys() ?? [])].map((next) => `${relation.name}.${next}`),
  )
  const relations = [...own.map(({ name }) => name), ...further]
  return {
    keys,
    searchable: collection.search.length > 0,
    relations,
    fields: [...keys, ...relations, ...inner],
    sorts: collection.sorts.flatMap(({ text }) => [text, text.split(",")[0]!, turned(text)]),
    functions: ["count", ...collection.table.columns.flatMap(functionsOf)],
  }
}

function functionsOf({ key, kind }: Column): string[] {
  const names = ["integer", "real"].includes(kind) ? ["sum", "avg", "min", "max"] : ["min", "max"]
  return ["json", "blob"].includes(kind) ? [] : names.map((name) => `${name}(${key})`)
}

function some([first, second, third]: readonly [string, string, string]): string[] {
  return [first, second, third].slice(0, 1 + (first.length % 3))
}

function list(name: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.uniqueArray(name, { minLength: 1, maxLength: 3 }).map((drawn) => drawn.join(","))
}

function pair(name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return value.map((drawn) => `${name}=${encoded(drawn)}`)
}

function turned(sort: string): string {
  return sort.replace(/-?[^,]+/g, (key) => (key.startsWith("-") ? key.slice(1) : `-${key}`))
}
