/** One filter, two interpreters: SQL and memory say the same of every row, and a third reading agrees with both. */

import { env } from "cloudflare:workers"
import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import fc from "fast-check"
import { users } from "selvedge/tables"
import { beforeAll, expect, test } from "vitest"
import { FilterError, type FilterNode, type FilterScope, parseFilter } from "../../src/access/filter.ts"
import { matches } from "../../src/access/filter-match.ts"
import type { Collection } from "../../src/access/model.ts"
import { callerScope, ruleScope } from "../../src/access/visibility.ts"
import { ANONYMOUS, type Caller } from "../../src/core/caller.ts"
import { Bindings } from "../../src/query/bindings.ts"
import { filterSql } from "../../src/query/filter-sql.ts"
import { quote } from "../../src/schema/columns.ts"
import { tableModel } from "../../src/schema/table-model.ts"
import { backend } from "../fixture/backend.ts"
import * as tables from "../fixture/schema.ts"
import { filtersOver } from "./filters.ts"
import { holds, type World } from "./reference.ts"
import { idOf, insertStatements, rowOf, rowsOfChanges, runAll } from "./rows.ts"
import { LONG, TIMEOUT } from "./runs.ts"
import type { Row } from "./values.ts"

const [OWN_CASES, RELATED_CASES] = LONG ? [100_000, 20_000] : [5_000, 1_000]
/** Filters asked of D1 in one trip. */
const FILTERS_PER_TRIP = 100
const ROWS = 200
const USERS = [0, 1, 2].map(idOf)
const CALLERS: Caller[] = [
  ANONYMOUS,
  { kind: "user", id: USERS[0]!, roles: [] },
  { kind: "user", id: USERS[1]!, roles: ["staff"] },
]

const user = fc.option(fc.constantFrom(...USERS), { freq: 4 })
const some = (table: number, count: number) =>
  fc.option(fc.integer({ min: 0, max: count - 1 }).map((n) => idOf(table + n)))
const notes = backend.collections.get("notes")!

const WORLD: readonly (readonly [
  table: SQLiteTable,
  count: number,
  given: (n: number) => Record<string, fc.Arbitrary<unknown>>,
])[] = [
  [
    users,
    USERS.length,
    (n) => ({ id: fc.constant(USERS[n]), email: fc.constant(`${n}@example.com`), roles: fc.constant([]) }),
  ],
  [tables.teams, 5, (n) => ({ id: fc.constant(idOf(100 + n)) })],
  [tables.projects, 12, (n) => ({ id: fc.constant(idOf(200 + n)), ownerId: user, teamId: some(100, 5) })],
  [
    tables.members,
    20,
    (n) => ({
      id: fc.constant(idOf(300 + n)),
      projectId: fc.constant(idOf(200 + (n % 11))),
      userId: fc.constant(USERS[Math.floor(n / 11)]),
    }),
  ],
  [tables.notes, ROWS, (n) => ({ id: fc.constant(idOf(1000 + n)), ownerId: user, projectId: some(200, 12) })],
]

const world = new Map<string, Row[]>()

beforeAll(async () => {
  for (const [table, count, given] of WORLD) {
    const drawn = fc.tuple(...Array.from({ length: count }, (_, n) => rowOf(table, n, given(n))))
    const [rows] = fc.sample(drawn, { numRuns: 1, ...(!LONG && { seed: 7 }) })
    await runAll(env.FIXTURE, insertStatements(env.FIXTURE, table, rows!))
    world.set(tableModel(table).name, rows!)
  }
  await env.FIXTURE.prepare("UPDATE notes SET rank = 7 WHERE rowid % 3 = 0").run()
  const { results } = await env.FIXTURE.prepare("SELECT rowid, id, rank, version, updated_at FROM notes").all<Row>()
  for (const [i, { rowid, id, rank, version, updated_at }] of results.entries()) {
    const row = world.get("notes")![i]!
    expect([row.id, i + 1]).toEqual([id, rowid])
    Object.assign(row, { rank, version, updatedAt: new Date(updated_at as number).toISOString() })
  }
})

test("a filter selects the same rows in SQL, in memory and by its meaning, and its negation all the others", {
  timeout: TIMEOUT,
}, async () => {
  const scope = ruleScope(notes)
  const kept = await rowsOfChanges(env.FIXTURE, notes.table)
  const filters = filtersOver(notes, scope, { texts: USERS, anonymous: true })
  const everyone: World = { tables: world, sees: () => true }
  const cases = await tryFilters(filters, notes, scope, OWN_CASES, (filter, parsed, row) => {
    const inMemory = matches(parsed, kept.get(row.id as string)!)
    const meant = holds(filter, notes.table, notes, row, everyone)
    return inMemory === meant ? meant : `in memory ${inMemory}, meant ${meant}`
  })
  expect(cases).toBeGreaterThanOrEqual(OWN_CASES)
})

test("a rule that goes through relations means in SQL what it means over whole tables", {
  timeout: TIMEOUT,
}, async () => {
  const everyone: World = { tables: world, sees: () => true }
  for (const name of ["projects", "notes"]) {
    const collection = backend.collections.get(name)!
    const scope = ruleScope(collection)
    const filters = filtersOver(collection, scope, { texts: USERS, anonymous: true, relations: 3 })
    await tryFilters(filters, collection, scope, RELATED_CASES / 2, (filter, _, row) =>
      holds(filter, collection.table, collection, row, everyone),
    )
  }
})

test("a caller's filter sees only the related records that the caller may read", { timeout: TIMEOUT }, async () => {
  for (const caller of CALLERS) {
    const seen: World = {
      tables: world,
      sees: ({ collection }, row) => !collection || maySee(collection, caller, row),
    }
    for (const name of ["projects", "notes"]) {
      const collection = backend.collections.get(name)!
      const scope = callerScope(collection, caller)
      const filters = filtersOver(collection, scope, { texts: USERS, relations: 3 })
      await tryFilters(filters, collection, scope, RELATED_CASES / 6, (filter, _, row) =>
        holds(filter, collection.table, collection, row, seen),
      )
    }
  }
})

function maySee(collection: Collection, caller: Caller, row: Row): boolean {
  const answer = collection.access.read!(caller)
  if (typeof answer === "boolean") return answer
  return holds(answer as Row, collection.table, collection, row, { tables: world, sees: () => true })
}

/**
 * Asks D1 for the rows of each filter and of its negation.
 * @param expected Whether a row fits; text says what is wrong already.
 * @returns How many filters were tried; those beyond the filter's bounds don't count.
 */
async function tryFilters(
  filters: fc.Arbitrary<Row>,
  collection: Collection,
  scope: FilterScope,
  least: number,
  expected: (filter: Row, parsed: FilterNode, row: Row) => boolean | string,
): Promise<number> {
  let tried = 0
  const property = fc.asyncProperty(
    fc.array(filters, { minLength: 1, maxLength: FILTERS_PER_TRIP, size: "max" }),
    async (drawn) => {
      const asked = drawn.flatMap((filter) => {
        const parsed = parseWithinBounds(filter, scope)
        return parsed ? [{ filter, parsed, statement: selectRows(collection, parsed) }] : []
      })
      if (asked.length === 0) return
      const answers = await env.FIXTURE.batch<{ yes: string | null; no: string | null }>(
        asked.map(({ statement }) => statement),
      )
      for (const [i, { filter, parsed }] of asked.entries()) {
        const { yes, no } = answers[i]!.results[0]!
        compareRows(collection, filter, numbers(yes), numbers(no), (row) => expected(filter, parsed, row))
      }
      tried += asked.length
    },
  )
  while (tried < least)
    await fc.assert(property, { numRuns: Math.ceil(least / FILTERS_PER_TRIP), ...(!LONG && { seed: tried + 1 }) })
  return tried
}

function selectRows(collection: Collection, parsed: FilterNode): D1PreparedStatement {
  const bindings = new Bindings()
  const [yes, no] = [parsed, { type: "not", part: parsed } as const].map((filter) => filterSql(filter, "t", bindings))
  const sql = `SELECT group_concat(t.rowid) FILTER (WHERE ${yes}) AS yes, group_concat(t.rowid) FILTER (WHERE ${no}) AS no FROM ${quote(collection.table.name)} t`
  return env.FIXTURE.prepare(sql).bind(...bindings.values)
}

function compareRows(
  collection: Collection,
  filter: Row,
  yes: Set<number>,
  no: Set<number>,
  fits: (row: Row) => boolean | string,
): void {
  for (const [i, row] of world.get(collection.table.name)!.entries()) {
    const inSql = yes.has(i + 1)
    const wanted = fits(row)
    const fault =
      inSql === no.has(i + 1)
        ? "the filter and its negation don't split the rows"
        : typeof wanted === "string"
          ? wanted
          : inSql !== wanted
            ? `in SQL ${inSql}, meant ${wanted}`
            : undefined
    if (fault) throw new Error(`${fault}\n${JSON.stringify(filter)}\n${JSON.stringify(row)}`)
  }
}

/** The bounds have tests of their own; a drawn filter that passes them is passed over. */
function parseWithinBounds(filter: Row, scope: FilterScope): FilterNode | undefined {
  try {
    return parseFilter(filter, scope)
  } catch (error) {
    if (error instanceof FilterError && /more than|deeper than/.test(error.message)) return undefined
    throw error
  }
}

function numbers(list: string | null): Set<number> {
  return new Set(list?.split(",").map(Number))
}
