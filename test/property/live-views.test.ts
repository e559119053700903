/** Live views: a list with what each change means to it applied is the list as the database gives it afterwards. */

import { env } from "cloudflare:workers"
import fc from "fast-check"
import { anyone, type Caller, collection, defineBackend, nobody } from "selvedge"
import { expect, test } from "vitest"
import { countConditions, MOST_RULE_CONDITIONS } from "../../src/access/check-rules.ts"
import { FilterError, isNever, parseFilter } from "../../src/access/filter.ts"
import type { Collection, Collections } from "../../src/access/model.ts"
import { accessFilter, callerScope, ruleScope } from "../../src/access/visibility.ts"
import { toChange } from "../../src/changes/read-change.ts"
import { ANONYMOUS, SERVICE } from "../../src/core/caller.ts"
import type { Change } from "../../src/core/change.ts"
import { Database } from "../../src/db/database.ts"
import type { Backend } from "../../src/index.ts"
import { differences, pictureOf } from "../../src/live/differences.ts"
import { evaluate } from "../../src/live/evaluate.ts"
import { Followers } from "../../src/live/followers.ts"
import { type LiveInput, type LivePlan, planLive, type ViewChange } from "../../src/live/plan.ts"
import { Bindings } from "../../src/query/bindings.ts"
import { filterSql } from "../../src/query/filter-sql.ts"
import { listRecords } from "../../src/records/read.ts"
import { quote } from "../../src/schema/columns.ts"
import { tableModel } from "../../src/schema/table-model.ts"
import { placeholderFor, type Stored, toStored } from "../../src/schema/values.ts"
import { backend as fixture } from "../fixture/backend.ts"
import { notes } from "../fixture/schema.ts"
import { filtersOver } from "./filters.ts"
import { idOf, insertStatements, rowOf, rowsOfChanges, runAll } from "./rows.ts"
import { LONG, runs, TIMEOUT } from "./runs.ts"
import { operandFor, type Row } from "./values.ts"

const ROWS = 12
const QUERIES = 12
const USERS = [idOf(0), idOf(1)]
const CALLERS: readonly Caller[] = [
  ANONYMOUS,
  { kind: "user", id: USERS[0]!, roles: [] },
  { kind: "user", id: USERS[1]!, roles: ["staff"] },
]
const model = tableModel(notes)
const declared = fixture.collections.get("notes")!
const HIDEABLE = model.columns.map(({ key }) => key).filter((key) => key !== "id" && key !== "version")
/** Written by the engine alone. */
const WRITABLE = HIDEABLE.filter((key) => key !== "createdAt" && key !== "updatedAt" && key !== "projectId")

const conditions = filtersOver(declared, ruleScope(declared), { depth: 3, texts: USERS })
const rule: fc.Arbitrary<boolean | Row> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(true) },
  { weight: 3, arbitrary: conditions.filter(isRule) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Row>({ ownerId: USERS[0] }, { or: [{ done: true }, { ownerId: USERS[1] }] }),
  },
)
const query = fc.record(
  {
    filter: fc.option(conditions, { nil: undefined, freq: 1 }),
    simple: fc.oneof(
      { weight: 4, arbitrary: fc.constant({}) },
      fc.constantFrom<Row>({ rank: 1 }, { rank: { in: [0, 2] }, done: true }, { ownerId: USERS[1] }, { mood: null }),
      conditions.filter((drawn) => Object.keys(drawn).every((key) => model.byKey.has(key))),
    ),
    fields: fc.option(fc.subarray(["id", ...HIDEABLE], { minLength: 1 }), { nil: undefined }),
    caller: fc.constantFrom(...CALLERS),
  },
  { requiredKeys: ["simple", "caller"] },
)

const single: fc.Arbitrary<Row> = fc.oneof(
  ...model.columns.map((column) => {
    const operand = column.kind === "json" ? fc.constant(null) : operandFor(column)
    const list = fc.array(operand, { maxLength: 4 }).map((values) => ({ in: values.filter((value) => value !== null) }))
    const value = fc.oneof(operand, fc.constant(null), ...(column.kind === "json" ? [] : [list]))
    return value.map((drawn): Row => ({ [column.key]: drawn }))
  }),
)
const parts = fc.array(fc.oneof(single, single, conditions), { minLength: 1, maxLength: 3 })
/** Filters that bind a row to values, or would but for a part. */
const bound: fc.Arbitrary<Row> = fc.oneof(
  { weight: 4, arbitrary: single },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom("or", "and"), parts)
      .map(([word, drawn]): Row => ({ [word]: drawn }))
      .filter(isRule),
  },
)

interface Write {
  readonly kind: "insert" | "update" | "delete"
  readonly n: number
  readonly row: Row
  readonly keys: readonly string[]
}

const write: fc.Arbitrary<Write> = fc.integer({ min: 0, max: ROWS - 1 }).chain((n) =>
  fc.record({
    kind: fc.constantFrom("insert" as const, "update" as const, "update" as const, "delete" as const),
    n: fc.constant(n),
    row: rowFor(n),
    keys: fc.subarray(WRITABLE, { minLength: 1 }),
  }),
)

const worlds = fc.record({
  rule,
  hidden: fc.subarray(HIDEABLE, { maxLength: 3 }),
  rows: fc.noShrink(fc.tuple(...Array.from({ length: ROWS / 2 }, (_, n) => rowFor(n)))),
  queries: fc.array(query, { minLength: 1, maxLength: QUERIES, size: "max" }),
  writes: fc.array(write, { minLength: 1, maxLength: 12, size: "max" }),
})

test("a list with the meaning of every change applied is the list of afterwards, whoever asks it together", {
  timeout: TIMEOUT,
}, async () => {
  let applied = 0
  const property = fc.asyncProperty(worlds, async ({ rule, hidden, rows, queries, writes }) => {
    const { collections } = backendOf(rule, hidden)
    await env.FIXTURE.prepare("DELETE FROM notes").run()
    await runAll(env.FIXTURE, insertStatements(env.FIXTURE, notes, rows))
    const asked = queries.flatMap(({ caller, ...input }) => planned(collections, caller, input))
    const followers = new Followers<Asked>()
    for (const subscriber of asked) {
      followers.add(subscriber.plan, subscriber)
      subscriber.list = await listOf(collections, subscriber)
    }
    for (const write of writes) {
      for (const change of await changesOf(write)) {
        const found = new Map<Asked, ViewChange>()
        for (const { subscribers, viewChange } of followers.changed(change))
          for (const subscriber of subscribers) found.set(subscriber, viewChange)
        for (const subscriber of asked) {
          const viewChange = found.get(subscriber)
          expect(viewChange).toEqual(evaluate(subscriber.plan, change))
          if (viewChange) apply(subscriber.list, viewChange)
          if (viewChange) applied++
        }
      }
    }
    for (const subscriber of asked) {
      const list = await listOf(collections, subscriber)
      expect([...subscriber.list].sort()).toEqual([...list].sort())
    }
  })
  await fc.assert(property, runs(40, 1_000))
  expect(applied).toBeGreaterThan(LONG ? 20_000 : 300)
})

test("a new row is told to those views whose rows SQL finds it among, by values of every kind", {
  timeout: TIMEOUT,
}, async () => {
  const { collections } = backendOf(true, [])
  const rows = fc.tuple(...Array.from({ length: 80 }, (_, n) => rowOf(notes, n, { projectId: fc.constant(null) })))
  const [drawn] = fc.sample(rows, { numRuns: 1, ...(!LONG && { seed: 3 }) })
  await env.FIXTURE.prepare("DELETE FROM notes").run()
  await runAll(env.FIXTURE, insertStatements(env.FIXTURE, notes, drawn!))
  const kept = await rowsOfChanges(env.FIXTURE, model)
  const found = new Set<string>()
  const property = fc.asyncProperty(fc.array(bound, { minLength: 50, maxLength: 100 }), async (filters) => {
    const followers = new Followers<number>()
    const plans = filters.map((filter) => planLive(collections, SERVICE, "notes", { query: { filter } }))
    for (const [i, plan] of plans.entries()) followers.add(plan, i)
    const told = plans.map((): string[] => [])
    for (const [id, after] of kept) {
      const change: Change = { seq: 1, table: "notes", recordId: id, op: "insert", before: null, after, at: 0 }
      for (const { subscribers } of followers.changed(change)) for (const i of subscribers) told[i]!.push(id)
    }
    const answers = await env.FIXTURE.batch<{ id: string }>(
      plans.map(({ filter }) => {
        const bindings = new Bindings()
        const where = filterSql(filter, "t", bindings)
        return env.FIXTURE.prepare(`SELECT id FROM notes t WHERE ${where}`).bind(...bindings.values)
      }),
    )
    for (const [i, { results }] of answers.entries()) {
      const column = Object.keys(filters[i]!)[0]!
      if (results.length > 0) found.add(model.byKey.get(column)?.kind ?? column)
      expect([filters[i], told[i]!.sort()]).toEqual([filters[i], results.map(({ id }) => id).sort()])
    }
  })
  await fc.assert(property, runs(20, 500))
  expect([...found].sort()).toEqual([
    "and",
    "bigint",
    "blob",
    "boolean",
    "integer",
    "json",
    "or",
    "real",
    "text",
    "timestamp",
  ])
})

test("the differences of two lists make the one into the other, and nothing twice", () => {
  const list = fc
    .dictionary(fc.constantFrom("a", "b", "c", "d", "e", "f"), fc.constantFrom("{}", '{"a":1}', '{"a":2}'))
    .map((records) => Object.entries(records).map(([id, json]) => ({ id, json })))
  fc.assert(
    fc.property(list, list, (before, after) => {
      const records = new Map(before.map(({ id, json }) => [id, json]))
      const changes = differences(pictureOf(before), after)
      for (const viewChange of changes) apply(records, viewChange)
      expect(records).toEqual(new Map(after.map(({ id, json }) => [id, json])))
      expect(new Set(changes.map(({ recordId }) => recordId)).size).toBe(changes.length)
      expect(differences(pictureOf(after), after)).toEqual([])
    }),
    runs(300, 10_000),
  )
})

interface Asked {
  readonly caller: Caller
  readonly plan: LivePlan
  /** JSON texts by id. */
  list: Map<string, string>
}

function rowFor(n: number): fc.Arbitrary<Row> {
  return rowOf(notes, n, {
    id: fc.constant(idOf(n)),
    rank: fc.constantFrom(null, 0, 1, 2),
    ownerId: fc.constantFrom(null, ...USERS),
    projectId: fc.constant(null),
  })
}

function isRule(drawn: Row): boolean {
  try {
    return countConditions(parseFilter(drawn, ruleScope(declared))) < MOST_RULE_CONDITIONS
  } catch (error) {
    if (error instanceof FilterError) return false
    throw error
  }
}

function backendOf(answer: boolean | Row, hidden: readonly string[]): Backend {
  return defineBackend({
    tables: { notes },
    collections: {
      notes: collection(notes, {
        access: { read: () => answer as never, create: anyone, update: anyone, delete: anyone },
        fields: Object.fromEntries(hidden.map((key) => [key, { read: nobody }])),
        live: true,
      }),
    },
  }) as Backend
}

/** A filter beyond its bounds, or one that names what is hidden, is passed over. */
function planned(
  collections: Collections,
  caller: Caller,
  { filter, simple, fields }: { filter?: Row | undefined; simple: Row; fields?: string[] | undefined },
): Asked[] {
  const found = collections.get("notes")!
  if (isNever(accessFilter(found, "read", caller))) return []
  const seen = (key: string) => callerScope(found, caller).column(key) !== undefined
  const own = Object.entries(simple).filter(([key]) => seen(key))
  const input: LiveInput = {
    query: {
      ...Object.fromEntries(own),
      ...(filter && { filter }),
      ...(fields && { fields: ["id", ...fields].filter(seen) }),
      limit: 1_000,
    },
  }
  try {
    return [{ caller, plan: planLive(collections, caller, "notes", input), list: new Map() }]
  } catch (error) {
    if (/there is no such|more than|deeper than/.test((error as Error).message)) return []
    throw error
  }
}

async function listOf(collections: Collections, { caller, plan }: Asked): Promise<Map<string, string>> {
  const context = { collections, caller, db: new Database(env.FIXTURE), now: Date.now, enqueue: unused }
  const { value } = await listRecords(context, plan.collection as Collection, plan.request)
  return new Map(value.data.map((record) => [record.id as string, JSON.stringify(record)]))
}

async function changesOf({ kind, n, row, keys }: Write): Promise<Change[]> {
  const last = (await env.FIXTURE.prepare("SELECT max(seq) AS seq FROM _changes").first<number>("seq")) ?? 0
  if (kind === "insert") {
    const isThere = await env.FIXTURE.prepare("SELECT 1 FROM notes WHERE id = ?").bind(idOf(n)).first()
    if (!isThere) await runAll(env.FIXTURE, insertStatements(env.FIXTURE, notes, [row]))
  } else if (kind === "update") await updateStatement(n, row, keys).run()
  else await env.FIXTURE.prepare("DELETE FROM notes WHERE id = ?").bind(idOf(n)).run()
  const { results } = await env.FIXTURE.prepare("SELECT * FROM _changes WHERE seq > ? ORDER BY seq").bind(last).all()
  return (results as Parameters<typeof toChange>[0][]).map(toChange)
}

function updateStatement(n: number, row: Row, keys: readonly string[]): D1PreparedStatement {
  const columns = keys.map((key) => model.byKey.get(key)!)
  const sets = columns.map((column, i) => `${quote(column.name)} = ${placeholderFor(column, `?${i + 2}`)}`)
  const values = columns.map((column): Stored => {
    const value = row[column.key] ?? null
    const result = value === null ? { stored: null } : toStored(column, value)
    if ("fault" in result) throw new TypeError(result.fault)
    return result.stored
  })
  return env.FIXTURE.prepare(`UPDATE notes SET ${sets.join(", ")} WHERE id = ?1`).bind(idOf(n), ...values)
}

function apply(list: Map<string, string>, { op, recordId, record }: ViewChange): void {
  expect(list.has(recordId)).toBe(op !== "added")
  if (op === "removed") list.delete(recordId)
  else list.set(recordId, record!)
}

function unused(): never {
  throw new Error("nothing is enqueued")
}
