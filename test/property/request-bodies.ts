/** Random bodies: records as a collection takes them, and what is no record at all. */

import fc from "fast-check"
import type { Collection } from "../../src/access/model.ts"
import type { Column } from "../../src/schema/columns.ts"
import { mostly, nasty } from "./request-queries.ts"
import { idOf } from "./rows.ts"
import { fieldValue, type Row } from "./values.ts"

export type Bytes = Uint8Array<ArrayBuffer>

const SET_BY_SERVER = ["id", "createdAt", "updatedAt", "version"]
/** Ids of the accounts that call. */
const userId = fc.constantFrom(idOf(1), idOf(2), idOf(3))

/** The fields that most clients may send, and sometimes one too few or one too many. */
export function recordsFor(collection: Collection, idIn: (table: string) => fc.Arbitrary<string>): fc.Arbitrary<Row> {
  const { columns } = collection.table
  const usual = columns.filter((column) => {
    const rule = collection.fields.get(column.key)
    return !SET_BY_SERVER.includes(column.key) && !collection.stamps.has(column.key) && !rule?.read && !rule?.write
  })
  const value = (column: Column): fc.Arbitrary<unknown> => {
    const reference = collection.references.find((candidate) => candidate.column === column)
    if (reference) return idIn(reference.target.name)
    if (/Id$/.test(column.key)) return userId
    if (collection.input.has(column.key)) return mostly<unknown>(allowedInput(column), fieldValue(column))
    return fieldValue(column)
  }
  const fields = usual.map(
    (column) => [column.key, column.nullable ? fc.option(value(column), { freq: 3 }) : value(column)] as const,
  )
  const needed = usual.filter((column) => !column.nullable && !column.hasDefault).map((column) => column.key)
  const valid = fc.record<Row, string>(Object.fromEntries(fields), { requiredKeys: needed })
  const names = [...columns.map((column) => column.key), "nothing", "__proto__", "a/b~c", ""]
  const odd = fc.tuple(
    fc.constantFrom(...names),
    fc.oneof(
      fc.jsonValue() as fc.Arbitrary<unknown>,
      nasty,
      fc.constantFrom<unknown>(2 ** 63, -1e308, 1.5, "x".repeat(300_000), [], {}),
    ),
  )
  return fc
    .tuple(valid, mostly(fc.constant(undefined), odd, 3))
    .map(([row, added]) => (added ? withField(row, ...added) : row))
}

/** What passes the stricter rules that the backends of these tests set. */
function allowedInput(column: Column): fc.Arbitrary<unknown> {
  if (column.kind === "text")
    return fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).map((text) => `a${text}`)
  return column.kind === "json" ? fc.array(fc.constantFrom("a", 1, true), { maxLength: 3 }) : fc.constantFrom(1, 3, 5)
}

/** Through JSON, so that `__proto__` becomes a field of its own. */
function withField(row: Row, key: string, value: unknown): Row {
  return JSON.parse(
    `{${JSON.stringify(row).slice(1, -1)}${Object.keys(row).length > 0 ? "," : ""}${JSON.stringify(key)}:${JSON.stringify(value)}}`,
  ) as Row
}

export function bodiesFrom(record: fc.Arbitrary<Row>): fc.Arbitrary<string | Bytes> {
  const deep = (depth: number) => `{"tags":${"[".repeat(depth)}${"]".repeat(depth)}}`
  return fc.oneof<fc.WeightedArbitrary<string | Bytes>[]>(
    { weight: 20, arbitrary: record.map((drawn) => JSON.stringify(drawn)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("", "{}", "[]", "null", "1", '"a"', "{", "\ufeff{}", deep(20), deep(40), deep(50_000)),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '{"title":"\\ud800"}',
        '{"title":"\\u0000"}',
        '{"title":1e999}',
        '{"title":"a","title":"b"}',
        `{"title":"${"x".repeat(1_100_000)}"}`,
      ),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }) as fc.Arbitrary<Bytes> },
    { weight: 1, arbitrary: nasty },
  )
}
