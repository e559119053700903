/** Random rules and rows over the fixture's tables, and the same world as one caller sees it. */

import fc from "fast-check"
import { anyone, type Caller, collection, defineBackend, many, nobody, one } from "selvedge"
import { users } from "selvedge/tables"
import { countConditions, MOST_RULE_CONDITIONS } from "../../src/access/check-rules.ts"
import { FilterError, isNever, parseFilter } from "../../src/access/filter.ts"
import { accessFilter, ruleScope, visibleColumns } from "../../src/access/visibility.ts"
import { ANONYMOUS } from "../../src/core/caller.ts"
import type { Backend } from "../../src/index.ts"
import { tableModel } from "../../src/schema/table-model.ts"
import { backend as fixture } from "../fixture/backend.ts"
import { members, notes, projects, teams } from "../fixture/schema.ts"
import { filtersOver } from "./filters.ts"
import { holds, type Tables } from "./reference.ts"
import { idOf, rowOf } from "./rows.ts"
import type { Row } from "./values.ts"

export const tables = { teams, projects, members, notes }
export const NAMES = ["teams", "projects", "members", "notes"] as const
export type Name = (typeof NAMES)[number]

/** Stands in a drawn rule where the rule puts the caller's id. */
export const CALLER = "the caller"
export const USERS = [idOf(0), idOf(1), idOf(2)]
/** Accounts are no collection: what a relation shows of them, it shows to all. */
export const PEOPLE: readonly Row[] = USERS.map((id, n) => ({
  id,
  createdAt: "2026-01-31T12:00:00.000Z",
  updatedAt: "2026-01-31T12:00:00.000Z",
  version: 1,
  email: `${n}@example.com`,
  name: [null, "Ada", "😀"][n],
  roles: [],
  emailVerified: false,
  isAnonymous: false,
  mfa: false,
}))
export const CALLERS: readonly Caller[] = [
  ANONYMOUS,
  { kind: "user", id: USERS[0]!, roles: [] },
  { kind: "user", id: USERS[1]!, roles: ["staff"] },
]
/** The first id of each table and how many rows it gets. */
const ROWS = { teams: [100, 4], projects: [200, 6], members: [300, 8], notes: [400, 16] } as const
export const WORDS = ["love", "love letters", "a love", "Lovely", "war", "war and love", "é", "peace"]

type Answer = "anyone" | "nobody" | Row

export interface Drawn {
  readonly caller: Caller
  /** What the read rule of each collection answers. */
  readonly read: Readonly<Record<Name, Answer>>
  /** The columns that the caller may not see. */
  readonly hidden: Readonly<Record<Name, readonly string[]>>
  /** Fields that some relations are bound to. */
  readonly fields: {
    readonly project: readonly ("id" | "name" | "open" | "ownerId")[] | undefined
    readonly notes: readonly ("id" | "title" | "rank" | "projectId")[] | undefined
  }
  readonly rows: Readonly<Record<Name, readonly Row[]>>
}

const ids = (name: Name) => Array.from({ length: ROWS[name][1] }, (_, n) => idOf(ROWS[name][0] + n))
export const IDS = Object.fromEntries(NAMES.map((name) => [name, ids(name)])) as Record<Name, string[]>

export const worlds: fc.Arbitrary<Drawn> = fc.record({
  caller: fc.constantFrom(...CALLERS),
  read: perName(answersOf),
  hidden: perName((name) => {
    const searched = fixture.collections.get(name)!.search.map(({ key }) => key)
    const drawn = fc.tuple(fc.subarray(hideable(name), { maxLength: 3 }), fc.subarray(searched))
    return drawn.map((keys) => [...new Set(keys.flat())])
  }),
  fields: fc.record({
    project: fc.constantFrom(undefined, undefined, ["id", "name"] as const, ["open", "ownerId"] as const),
    notes: fc.constantFrom(undefined, undefined, ["id", "title"] as const, ["rank", "projectId"] as const),
  }),
  // Smaller rows say no more about a fault, and take long to find.
  rows: fc.noShrink(perName(rowsOf)),
})

function perName<T>(arbitrary: (name: Name) => fc.Arbitrary<T>): fc.Arbitrary<Record<Name, T>> {
  return fc.record(Object.fromEntries(NAMES.map((name) => [name, arbitrary(name)])) as Record<Name, fc.Arbitrary<T>>)
}

/** A version is the record's ETag, and an id its address: they can't be hidden. */
function hideable(name: Name): string[] {
  return tableModel(tables[name])
    .columns.map(({ key }) => key)
    .filter((key) => key !== "id" && key !== "version")
}

function answersOf(name: Name): fc.Arbitrary<Answer> {
  const scope = ruleScope(fixture.collections.get(name)!)
  const filter = filtersOver(fixture.collections.get(name)!, scope, {
    relations: 2,
    depth: 4,
    texts: [...USERS, CALLER, CALLER],
  })
  const within = filter.filter((drawn) => {
    try {
      return countConditions(parseFilter(drawn, scope)) < MOST_RULE_CONDITIONS
    } catch (error) {
      if (error instanceof FilterError) return false
      throw error
    }
  })
  const someIds = fc.subarray(IDS[name]).map((drawn): Row => ({ id: { in: drawn } }))
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant("anyone" as const) },
    { weight: 1, arbitrary: fc.constant("nobody" as const) },
    { weight: 3, arbitrary: someIds },
    { weight: 2, arbitrary: within },
    { weight: 4, arbitrary: fc.tuple(within, someIds).map(([drawn, some]): Row => ({ or: [drawn, some] })) },
  )
}

function rowsOf(name: Name): fc.Arbitrary<Row[]> {
  const word = fc.constantFrom(...WORDS)
  const user = fc.constantFrom(...USERS)
  const [first, count] = ROWS[name]
  const among = (target: Name) => fc.constantFrom(...IDS[target])
  const given = (n: number): Record<string, fc.Arbitrary<unknown>> => ({
    id: fc.constant(idOf(first + n)),
    name: word,
    title: word,
    body: fc.option(word),
    secret: fc.option(word),
    rank: fc.constantFrom(null, 0, 1, 2),
    score: fc.constantFrom(null, 0, 0.5, 2),
    ownerId: fc.option(user),
    userId: fc.constant(USERS[n % 3]),
    teamId: fc.option(among("teams")),
    projectId: name === "members" ? fc.constant(IDS.projects[Math.floor(n / 3)]) : fc.option(among("projects")),
  })
  const known = new Set(tableModel(tables[name]).columns.map(({ key }) => key))
  const own = (n: number) => Object.fromEntries(Object.entries(given(n)).filter(([key]) => known.has(key)))
  return fc.tuple(...Array.from({ length: count }, (_, n) => rowOf(tables[name], first + n, own(n))))
}

/** @param read The read rule of each collection. */
function backendOf({ hidden, fields }: Drawn, read: (name: Name) => (caller: Caller) => boolean | Row): Backend {
  const fieldRules = (name: Name) => Object.fromEntries(hidden[name].map((key) => [key, { read: nobody }]))
  const options = (name: Name) => ({
    access: { read: read(name), create: anyone, update: anyone, delete: anyone } as never,
    fields: fieldRules(name),
  })
  return defineBackend({
    tables,
    collections: {
      teams: collection(tables.teams, {
        ...options("teams"),
        relations: { projects: many(tables.projects) },
        sorts: ["name", "-secret,name"],
        search: ["name", "secret"],
      }),
      projects: collection(tables.projects, {
        ...options("projects"),
        relations: {
          owner: one(users, { fields: ["id", "name"] }),
          team: one(tables.teams),
          members: many(tables.members),
          notes: many(tables.notes, fields.notes ? { fields: fields.notes } : {}),
        },
        sorts: ["name", "-createdAt"],
      }),
      members: collection(tables.members, { ...options("members"), relations: { project: one(tables.projects) } }),
      notes: collection(tables.notes, {
        ...options("notes"),
        relations: { project: one(tables.projects, fields.project ? { fields: fields.project } : {}) },
        sorts: ["rank,title", "-score,title", "dueAt,-rank", "-createdAt", "serial", "done,-big", "ownerId"],
        search: ["title", "body"],
      }),
    },
  }) as Backend
}

export interface World {
  /** With every row and the drawn rules. */
  readonly whole: Backend
  /** Where the caller may read everything that is there. */
  readonly mirror: Backend
  readonly rows: Tables
  /** Only what the caller may see: the rows that the rules let through, hidden columns emptied. */
  readonly seen: Tables
}

export function buildWorld(drawn: Drawn): World {
  const whole = backendOf(drawn, (name) => (caller) => answer(drawn.read[name], caller))
  const rows = new Map<string, readonly Row[]>(NAMES.map((name) => [name, drawn.rows[name]]))
  rows.set(tableModel(users).name, PEOPLE)
  const seen = new Map<string, readonly Row[]>()
  const refused = new Set<Name>()
  for (const name of NAMES) {
    const found = whole.collections.get(name)!
    const rule = answer(drawn.read[name], drawn.caller)
    const visible = new Set(visibleColumns(found, drawn.caller).map(({ key }) => key))
    const fits = (row: Row) =>
      typeof rule === "boolean" ? rule : holds(rule, found.table, found, row, { tables: rows, sees: () => true })
    if (isNever(accessFilter(found, "read", drawn.caller))) refused.add(name)
    seen.set(
      name,
      drawn.rows[name]
        .filter(fits)
        .map((row) =>
          Object.fromEntries(
            found.table.columns.map((column) => [
              column.key,
              visible.has(column.key) ? row[column.key] : emptyValue(column),
            ]),
          ),
        ),
    )
  }
  const mirror = backendOf(drawn, (name) => () => !refused.has(name))
  return { whole, mirror, rows, seen }
}

function answer(drawn: Answer, caller: Caller): boolean | Row {
  if (typeof drawn === "string") return drawn === "anyone"
  return replaceCaller(drawn, caller.id) as Row
}

function replaceCaller(value: unknown, id: string): unknown {
  if (value === CALLER) return id
  if (Array.isArray(value)) return value.map((item) => replaceCaller(item, id))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceCaller(item, id)]))
}

function emptyValue({ nullable, kind }: { nullable: boolean; kind: string }): unknown {
  if (nullable) return null
  return kind === "boolean" ? false : kind === "timestamp" ? "1970-01-01T00:00:00.000Z" : kind === "text" ? "" : 0
}
