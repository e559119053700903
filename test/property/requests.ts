/** Random requests at a backend: well formed, nearly so, and not at all. */

import fc from "fast-check"
import type { Backend } from "../../src/index.ts"
import { type Bytes, bodiesFrom, recordsFor } from "./request-bodies.ts"
import { EARLIER, encoded, mostly, nasty, queriesOf } from "./request-queries.ts"
import { idOf } from "./rows.ts"
import type { Row } from "./values.ts"

const CALLERS = ["anonymous", "user", "user", "staff", "staff", "service", "stranger"] as const
export type CallerName = (typeof CALLERS)[number]

export interface Drawn {
  readonly caller: CallerName
  readonly method: string
  readonly path: string
  readonly query: readonly string[]
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Bytes | undefined
}

type Shape = Pick<Drawn, "method" | "path" | "query" | "body"> & { readonly matches?: boolean }

const ODD_IDS = ["x", "%ff", "%zz", "%2f", "%00", "..", "%2e%2e", idOf(1).toUpperCase(), "a".repeat(3_000), "null", "'"]
// biome-ignore format: a list of paths
const PATHS = [
  "/", "/v1", "/v1/", "/v1//", "/v1/%00", "/v1/%ff", "/v1/%", "/V1/notes", "/v1/notes/", "/v1/films/a/b", "/v1/__proto__", "/v1/constructor/1",
  "/health", "/health/", "/health/ready", "/openapi.json", "/docs", "/docs/x", "/.well-known/jwks.json", "/favicon.ico", "/..%2f..%2fetc",
  "/v1/batch", "/v1/batch/1", "/v1/auth/sign-in", "/v1/admin/jobs", "/v1/live", `/v1/${"a".repeat(8_000)}`,
]

/**
 * @param ids The rows that are there, by the SQL name of their table.
 * @param paths Paths of the backend's own routes; they take an empty object.
 */
export function requestsTo(
  backend: Backend,
  ids: ReadonlyMap<string, readonly string[]>,
  paths: readonly string[],
): fc.Arbitrary<Drawn> {
  const collections = [...backend.collections.values()]
  const everyId = [...ids.values()].flat()
  const idIn = (table: string) =>
    fc.oneof(
      { weight: 16, arbitrary: fc.constantFrom(...(ids.get(table) ?? everyId)) },
      { weight: 2, arbitrary: fc.constantFrom(...everyId) },
      { weight: 2, arbitrary: fc.integer({ min: 5_000, max: 5_050 }).map(idOf) },
    )
  const parts = new Map(
    collections.map((collection) => {
      const record = recordsFor(collection, idIn)
      return [
        collection,
        { record, body: bodiesFrom(record), query: queriesOf(collection), id: idIn(collection.table.name) },
      ]
    }),
  )
  const any = fc.constantFrom(...collections)
  const none = fc.constant<string[]>([])

  const read: fc.Arbitrary<Shape> = any.chain((collection) => {
    const { query, id } = parts.get(collection)!
    const path = `/v1/${collection.name}`
    return fc.record({
      method: mostly(fc.constant("GET"), fc.constant("HEAD"), 9),
      path: mostly(
        fc.constant(path),
        mostly(id, fc.constantFrom(...ODD_IDS)).map((drawn) => `${path}/${drawn}`),
        4,
      ),
      query,
      body: fc.constant(undefined),
    })
  })
  const write: fc.Arbitrary<Shape> = any.chain((collection) => {
    const { query, body, id } = parts.get(collection)!
    const path = `/v1/${collection.name}`
    const one = mostly(id, fc.constantFrom(...ODD_IDS), 15).map((drawn) => `${path}/${drawn}`)
    return fc.oneof(
      fc.record({ method: fc.constant("POST"), path: fc.constant(path), query: mostly(none, query, 20), body }),
      fc.record({
        method: fc.constantFrom("PATCH", "PUT", "PUT", "DELETE"),
        path: one,
        query: mostly(none, query, 20),
        body,
        matches: fc.constant(true),
      }),
    )
  })
  const operation = any.chain((collection) => {
    const { record, id } = parts.get(collection)!
    const path = `/v1/${collection.name}`
    return fc.oneof(
      { weight: 4, arbitrary: record.map((body): unknown => ({ method: "POST", path, body })) },
      {
        weight: 3,
        arbitrary: fc
          .tuple(fc.constantFrom("PATCH", "PUT", "DELETE"), id, record, fc.constantFrom(...OPERATION_HEADERS))
          .map(([method, target, body, headers]): unknown => ({ method, path: `${path}/${target}`, headers, body })),
      },
      {
        weight: 1,
        arbitrary: fc.tuple(nasty, record).map(([text, body]): unknown => ({ method: "PUT", path: path + text, body })),
      },
    )
  })
  const operations = mostly(
    fc.array(operation, { minLength: 1, maxLength: 4 }),
    fc.oneof(
      fc.constantFrom<unknown[]>([], Array(101).fill({}), [1], [null], [{ method: "GET", path: "/" }]),
      fc.array(fc.jsonValue() as fc.Arbitrary<unknown>, { maxLength: 3 }),
    ),
    9,
  )
  const batch: fc.Arbitrary<Shape> = fc.record({
    method: fc.constant("POST"),
    path: fc.constant("/v1/batch"),
    query: none,
    body: operations.map((drawn) => JSON.stringify({ operations: drawn })),
  })
  const elsewhere: fc.Arbitrary<Shape> = fc.record({
    method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"),
    path: fc.oneof(
      fc.constantFrom(...PATHS),
      nasty.map((text) => `/v1/${encoded(text)}`),
      any.map(({ name }) => `/v1/${name}`),
    ),
    query: mostly(none, fc.array(nasty.map(encoded), { maxLength: 3 })),
    body: mostly(fc.constant("{}"), nasty),
  })
  const own = paths.map((path) =>
    fc.record<Shape>({
      method: fc.constant("POST"),
      path: fc.constant(path),
      query: none,
      body: mostly(fc.constant("{}"), nasty),
    }),
  )
  const shape = fc.oneof(
    { weight: 9, arbitrary: read },
    { weight: 9, arbitrary: write },
    { weight: 2, arbitrary: batch },
    { weight: 1, arbitrary: elsewhere },
    ...own,
  )
  return fc.tuple(fc.constantFrom(...CALLERS), shape, usualHeaders, oddHeaders).map(([caller, drawn, usual, odd]) => {
    const { matches, body, ...rest } = drawn
    const { "If-Match": ifMatch, ...others } = usual
    const headers = Object.fromEntries(
      Object.entries({ ...others, ...(matches && { "If-Match": ifMatch }), ...odd }).filter(
        ([, value]) => value !== undefined,
      ),
    )
    return {
      caller,
      ...rest,
      headers,
      body: ["GET", "HEAD", "OPTIONS"].includes(rest.method) ? undefined : body,
    } as Drawn
  })
}

const OPERATION_HEADERS: readonly (Row | undefined)[] = [
  undefined,
  undefined,
  { "If-Match": "*" },
  { "If-Match": '"1"' },
  { "if-match": "*" },
  { "If-None-Match": "*" },
  { "If-Match": "1" },
  { "If-Match": 1 },
  { Authorization: "x" },
  { "": "" },
  { "If-Match": '"1"\n' },
  JSON.parse('{"__proto__":"x"}') as Row,
]

const usualHeaders = fc.record({
  "Content-Type": mostly(fc.constant("application/json"), fc.constant("application/merge-patch+json"), 9),
  "If-Match": fc.constantFrom(undefined, undefined, "*", '"1"', '"2", "3"'),
  "Idempotency-Key": mostly(fc.constant(undefined), fc.constantFrom("a", "b", "c", "d"), 2),
})

const printable = fc.string({ unit: "grapheme-ascii", maxLength: 30 })
const ODD_HEADERS: Readonly<Record<string, readonly string[]>> = {
  "Content-Type": ["application/json; charset=latin1", "text/plain", "", 'application/json;charset="utf-8"'],
  "If-Match": ['W/"1"', '"', '"1" x', `"${"9".repeat(30)}"`, '""'],
  "If-None-Match": ["*", '"1"', 'W/"x"', '"'],
  "Idempotency-Key": ["", "x".repeat(300)],
  Authorization: [
    "Bearer x",
    "Bearer a.b.c",
    "Basic YTpi",
    "Bearer ",
    "bearer eyJhbGciOiJub25lIn0.e30.",
    `Bearer ${"a".repeat(9_000)}`,
  ],
  Accept: ["*/*", "application/json", "text/html", "application/json;q=0", ",,;", "text/event-stream"],
  "Selvedge-Bookmark": [
    EARLIER,
    `${EARLIER}x`,
    `${EARLIER}-1`,
    "x",
    "0".repeat(32),
    `${"0".repeat(32)}.${"9".repeat(16)}.x-y`,
  ],
  "X-Request-Id": ["abc", "a b", "x".repeat(100)],
  traceparent: ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x"],
  Origin: ["http://localhost:8788", "https://evil.example", "null"],
  "Access-Control-Request-Method": ["PATCH", "x"],
  "Content-Length": ["5", "-1", "99999999", "x"],
}
const oddHeader = fc
  .constantFrom(...Object.keys(ODD_HEADERS))
  .chain((name) => fc.oneof(fc.constantFrom(...ODD_HEADERS[name]!), printable).map((value) => [name, value] as const))
const oddHeaders = mostly(
  fc.constant({}),
  fc.array(oddHeader, { minLength: 1, maxLength: 2 }).map((drawn): Record<string, string> => Object.fromEntries(drawn)),
  3,
)
