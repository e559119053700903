/** Within its bounds every filter is answered, whatever rules, expansions, orders and cursors stand beside it. */

import { env } from "cloudflare:workers"
import { sqliteTable, text } from "drizzle-orm/sqlite-core"
import fc from "fast-check"
import { anyone, type Caller, collection, defineBackend, many, one } from "selvedge"
import { recordColumns, users } from "selvedge/tables"
import { beforeAll, describe, expect, test } from "vitest"
import { backend as shop } from "../../app/backend.ts"
import * as shopTables from "../../app/schema.ts"
import { MOST_RULE_CONDITIONS } from "../../src/access/check-rules.ts"
import { type FilterScope, MOST_FILTER_CONDITIONS } from "../../src/access/filter.ts"
import type { Collection } from "../../src/access/model.ts"
import { callerScope, ruleScope } from "../../src/access/visibility.ts"
import { SERVICE } from "../../src/core/caller.ts"
import type { Backend } from "../../src/index.ts"
import { backend as fixture } from "../fixture/backend.ts"
import { type Answer, type Client, createScenario, type Scenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"
import { hardParts } from "./hard-filters.ts"
import { idOf, insertStatements, rowOf, runAll } from "./rows.ts"
import { LONG, runs, TIMEOUT } from "./runs.ts"
import type { Row } from "./values.ts"

const USER: Caller = { kind: "user", id: idOf(1), roles: ["staff"] }
/** Of one table, in D1. */
const MOST_COLUMNS = 100
const id = (n: number) => ({ id: fc.constant(idOf(n)) })
const owned = { ownerId: fc.constant(USER.id) }

beforeAll(async () => {
  const people = rowOf(users, 1, { ...id(1), roles: fc.constant([]) })
  for (const d1 of [env.FIXTURE, env.DB]) await runAll(d1, insertStatements(d1, users, draw(people)))
  for (const n of [10, 11]) {
    const link = { projectId: fc.constant(idOf(n)), userId: fc.constant(USER.id) }
    await runAll(env.FIXTURE, [
      ...insertStatements(env.FIXTURE, tables.teams, draw(rowOf(tables.teams, n, id(n)))),
      ...insertStatements(
        env.FIXTURE,
        tables.projects,
        draw(rowOf(tables.projects, n, { ...id(n), ...owned, teamId: fc.constant(idOf(n)) })),
      ),
      ...insertStatements(env.FIXTURE, tables.members, draw(rowOf(tables.members, n, { ...id(n), ...link }))),
      ...insertStatements(
        env.FIXTURE,
        tables.notes,
        draw(rowOf(tables.notes, n, { ...id(n), ...owned, projectId: link.projectId })),
      ),
    ])
    const film = { directorId: fc.constant(idOf(n)), stock: fc.constant(1), priceCents: fc.constant(1) }
    await runAll(env.DB, [
      ...insertStatements(
        env.DB,
        shopTables.directors,
        draw(rowOf(shopTables.directors, n, { ...id(n), name: fc.constant(`a ${n}`) })),
      ),
      ...insertStatements(env.DB, shopTables.films, draw(rowOf(shopTables.films, n, { ...id(n), ...film }))),
    ])
  }
})

describe.each([
  { name: "the engine's fixture", backend: fixture as Backend, d1: env.FIXTURE },
  { name: "the shop", backend: shop as Backend, d1: env.DB },
])("$name", ({ backend, d1 }) => {
  test.each([USER, SERVICE])("answers the hardest filters of the $kind", { timeout: TIMEOUT }, async (caller) => {
    const scenario = createScenario(backend, d1)
    const client = await clientOf(scenario, caller)
    for (const drawn of backend.collections.values()) {
      const scope = callerScope(drawn, caller)
      const property = fc.asyncProperty(hardLists(drawn, scope), async (query) => {
        const first = await client.get(query)
        expectAnswer(scenario, first, 200)
        const { next } = first.body.page as { next: string | null }
        if (next) expectAnswer(scenario, await client.get(`${query}&after=${next}`), 200)
      })
      await fc.assert(property, runs(20, 500))
    }
  })
})

test("rules at their bounds leave every read and write an answer", { timeout: TIMEOUT }, async () => {
  const rulesOf = (name: string) => {
    const found = fixture.collections.get(name)!
    const rule = hardParts(found, ruleScope(found), MOST_RULE_CONDITIONS - 1)
    return fc.tuple(rule, rule).map(([read, write]) => ({ read, write }))
  }
  const rules = fc.record({
    teams: rulesOf("teams"),
    projects: rulesOf("projects"),
    members: rulesOf("members"),
    notes: rulesOf("notes"),
  })
  const scope = callerScope(fixture.collections.get("notes")!, SERVICE)
  const lists = fc.record({
    notes: hardLists(fixture.collections.get("notes")!, scope),
    projects: hardLists(
      fixture.collections.get("projects")!,
      callerScope(fixture.collections.get("projects")!, SERVICE),
    ),
  })
  const property = fc.asyncProperty(rules, lists, async (drawn, queries) => {
    const scenario = createScenario(withRules(drawn), env.FIXTURE)
    const client = await clientOf(scenario, USER)
    for (const query of Object.values(queries)) expectAnswer(scenario, await client.get(query))
    expectAnswer(scenario, await client.get("/v1/notes?expand=project.team,project.members"), 200)
    expectAnswer(scenario, await client.get(`/v1/projects/${idOf(10)}?expand=team.projects,notes.project`))
    expectAnswer(scenario, await client.get("/v1/notes?aggregate=count,max(rank)&group=mood"), 200)
    const body = { ...FULL_NOTE, projectId: idOf(10) }
    expectAnswer(scenario, await client.post("/v1/notes", { body }))
    expectAnswer(
      scenario,
      await client.put(`/v1/notes/${idOf(10)}`, { body, headers: { "Idempotency-Key": crypto.randomUUID() } }),
    )
    expectAnswer(scenario, await client.patch(`/v1/notes/${idOf(10)}`, { body }))
    expectAnswer(scenario, await client.delete(`/v1/notes/${idOf(99)}`))
  })
  await fc.assert(property, runs(20, 500))
})

/** Every column at once. */
const FULL_NOTE = {
  ...{
    title: "a",
    body: "b",
    rank: 1,
    score: 0.5,
    done: true,
    dueAt: "2026-01-31T12:00:00Z",
    seenAt: "2026-01-31T12:00:00Z",
  },
  ...{
    big: "1",
    tags: ["a"],
    data: "AAAA",
    mood: "good",
    secret: "s",
    source: "s",
    stamped: "s",
    token: "t",
    ownerId: USER.id,
  },
}

test("a table of as many columns as D1 allows is written and read", { timeout: TIMEOUT }, async () => {
  const names = Array.from({ length: MOST_COLUMNS - 4 }, (_, n) => `c${n}`)
  const wide = sqliteTable("wide", { ...recordColumns(), ...Object.fromEntries(names.map((name) => [name, text()])) })
  const columns = [
    "created_at INTEGER",
    "updated_at INTEGER",
    "version INTEGER",
    ...names.map((name) => `${name} TEXT`),
  ]
  await env.FIXTURE.prepare(`CREATE TABLE wide (id TEXT PRIMARY KEY NOT NULL, ${columns.join(", ")}) STRICT`).run()
  const access = { read: anyone, create: anyone, update: anyone }
  const backend = defineBackend({ tables: { wide }, collections: { wide: collection(wide, { access }) } }) as Backend
  const scenario = createScenario(backend, env.FIXTURE)
  const client = await clientOf(scenario, USER)
  const made = await client.post("/v1/wide", { body: { c0: "a" } })
  expectAnswer(scenario, made, 201)
  const path = `/v1/wide/${made.body.id}`
  expectAnswer(scenario, await client.patch(path, { body: { c1: "b" } }), 200)
  expectAnswer(scenario, await client.put(path, { body: Object.fromEntries(names.map((name) => [name, name])) }), 200)
  expect((await client.get(path)).body).toMatchObject({ c0: "c0", version: 3 })
})

type Rules = { read: Row[]; write: Row[] }

/** Each rule is true of every row, which only the database can know. */
function withRules(rules: Record<"teams" | "projects" | "members" | "notes", Rules>): Backend {
  const access = ({ read, write }: Rules) => {
    const rule = (parts: Row[]) => () => ({ or: [{ id: { ne: null } }, ...parts] }) as never
    return { read: rule(read), create: rule(write), update: rule(write), delete: rule(write) }
  }
  return defineBackend({
    tables,
    collections: {
      teams: collection(tables.teams, { access: access(rules.teams), relations: { projects: many(tables.projects) } }),
      projects: collection(tables.projects, {
        access: access(rules.projects),
        relations: {
          owner: one(users, { fields: ["id"] }),
          team: one(tables.teams),
          members: many(tables.members),
          notes: many(tables.notes),
        },
        sorts: ["name"],
      }),
      members: collection(tables.members, {
        access: access(rules.members),
        relations: { project: one(tables.projects) },
      }),
      notes: collection(tables.notes, {
        access: access(rules.notes),
        relations: { project: one(tables.projects) },
        sorts: ["rank,title", "-score,title", "dueAt,-rank", "-createdAt", "serial"],
        search: ["title", "body"],
      }),
    },
  }) as Backend
}

/** A list with a filter that every row matches, and everything else that a list can be asked for. */
function hardLists(drawn: Collection, scope: FilterScope): fc.Arbitrary<string> {
  const expand = [...drawn.relations.values()].flatMap(({ name }) => {
    const target = scope.relation(name)!
    const inner = [...(target.relation.collection?.relations.keys() ?? [])].filter((next) =>
      target.scope.relation(next),
    )
    return inner.length > 0 ? inner.map((next) => `${name}.${next}`) : [name]
  })
  const sorts = drawn.sorts
    .filter(({ keys }) => keys.every(({ column }) => scope.column(column.key)))
    .map(({ text }) => text)
  return fc
    .tuple(hardParts(drawn, scope, MOST_FILTER_CONDITIONS - 1), fc.constantFrom(...sorts))
    .map(([parts, sort]) => {
      const whole = JSON.stringify({ or: [{ id: { ne: null } }, ...parts] })
      const others = [
        "limit=1",
        "count=exact",
        `sort=${sort}`,
        ...(expand.length > 0 ? [`expand=${expand.join()}`] : []),
      ]
      return `/v1/${drawn.name}?${others.join("&")}&filter=${encodeURIComponent(whole)}`
    })
}

function clientOf(scenario: Scenario, { kind, id, roles }: Caller): Promise<Client> {
  return scenario.as(kind === "service" ? "service" : { id, roles: [...roles] })
}

function expectAnswer(scenario: Scenario, { status, text }: Answer, wanted?: number): void {
  const failure = scenario.logged.findLast((line) => line.event === "failure")
  const reason = status < 500 ? "" : String((failure?.causes as string[] | undefined)?.at(-1)).split("\n")[0]
  if (wanted === undefined ? status >= 500 : status !== wanted) throw new Error(`${status} ${text} ${reason}`)
  expect(status).toBeLessThan(500)
}

function draw(row: fc.Arbitrary<Row>): Row[] {
  return fc.sample(row, { numRuns: 1, ...(!LONG && { seed: 5 }) })
}
