import { sqliteTable, text } from "drizzle-orm/sqlite-core"
import { type Caller, collection, defineBackend, many, nobody, one, role, signedIn } from "selvedge"
import { users } from "selvedge/tables"
import { expect, test } from "vitest"
import { members, notes, projects, teams } from "../../test/fixture/schema.ts"
import { ANONYMOUS } from "../core/caller.ts"
import type { SelvedgeError } from "../core/problem.ts"
import type { Backend } from "../index.ts"
import { type LiveInput, planLive } from "./plan.ts"

const ADA: Caller = { kind: "user", id: "0199aaaa-0000-7000-8000-000000000001", roles: [] }
const BOB: Caller = { kind: "user", id: "0199aaaa-0000-7000-8000-000000000002", roles: ["staff", "editor"] }
/** Without record columns, and so without changes. */
const labels = sqliteTable("labels", { id: text().primaryKey(), noteId: text().references(() => notes.id) })
const backend = defineBackend({
  tables: { teams, projects, members, notes, labels },
  collections: {
    notes: collection(notes, {
      access: { read: signedIn },
      fields: { secret: { read: nobody }, serial: { read: role("staff") } },
      relations: { project: one(projects), labels: many(labels, { fields: ["id"] }) },
      sorts: ["rank,title", "-createdAt", "serial"],
      search: ["title"],
      live: true,
    }),
    projects: collection(projects, {
      access: { read: (caller: Caller) => ({ members: { some: { userId: caller.id } } }) },
      relations: { owner: one(users, { fields: ["id", "name"] }), members: many(members), team: one(teams) },
      live: true,
    }),
    people: collection(users, { access: { read: signedIn }, live: true }),
    members: collection(members, { access: { read: signedIn } }),
    teams: collection(teams, { access: { read: nobody }, live: true }),
  },
}) as Backend

const plan = (input: unknown, caller = ADA, name = "notes") => {
  const isSearch = typeof input === "object" && input !== null && "search" in input
  return planLive(backend.collections, caller, name, isSearch ? (input as LiveInput) : { query: input })
}

function refusal(...args: Parameters<typeof plan>): string {
  try {
    plan(...args)
  } catch (error) {
    const { code, errors } = error as SelvedgeError
    return errors ? `${code} ${errors[0]!.parameter}` : code
  }
  return "none"
}

test("the object of a frame and the query string of a list ask the same", () => {
  for (const [query, search] of [
    [{}, ""],
    [{ title: "1,2", rank: { gte: 1, lt: 5 } }, "?rank[lt]=5&title=1,2&rank[gte]=1"],
    [{ rank: null, done: true, mood: { in: ["good", "bad"] } }, "mood[in]=bad,good&done=true&rank=null"],
    [{ filter: { or: [{ rank: 1 }, { title: "a" }] }, title: "b" }, 'title=b&filter={"or":[{"title":"a"},{"rank":1}]}'],
    [
      { dueAt: "2026-01-31T12:00:00.000Z", big: "9007199254740993" },
      "dueAt=2026-01-31T13:00:00%2B01:00&big=9007199254740993",
    ],
    [{ fields: "id,title", expand: "project" }, "fields=id,title&expand=project"],
    [{ fields: ["title", "id"], expand: ["project"] }, "fields=title,id&expand=project"],
  ] as const) {
    const [framed, listed] = [plan(query), plan({ search })]
    expect(framed.view).toBe(listed.view)
    expect(framed.tag).toBe(listed.tag)
    expect(framed.request.limit).toBe(100)
  }
  const pair = { query: { rank: { gte: 1 }, title: "a" }, search: "title=a&rank[gte]=1" }
  expect(plan(pair.query).request.filterText).toBe(plan({ search: pair.search }).request.filterText)
})

test("a view is another one with other rows, other fields or what another caller sees", () => {
  const views = [
    plan({}),
    plan({}, BOB),
    plan({ fields: "id" }),
    plan({ expand: "project" }),
    plan({ expand: "project" }, BOB),
    plan({ rank: 1 }),
    plan({ rank: { ne: 1 } }),
    plan({ rank: null }),
    plan({ title: "1" }),
    plan({ body: "1" }),
    plan({ title: { contains: "1" } }),
    plan({ title: { startsWith: "1" } }),
    plan({ tags: { has: "1" } }),
    plan({ tags: { has: 1 } }),
    plan({ rank: { in: [1, 2] } }),
    plan({ rank: { notIn: [1, 2] } }),
    plan({ filter: { not: { rank: 1 } } }),
    plan({ rank: 1, title: "1" }),
    plan({ filter: { or: [{ rank: 1 }, { title: "1" }] } }),
    plan({ filter: { or: [{ rank: 1 }, { title: "1", body: "1" }] } }),
    plan({ filter: { project: { name: "1" } } }),
  ].map(({ view }) => view)
  expect(new Set(views).size).toBe(views.length)
})

test("a place in the log is bound to the query, its order and limit, the caller and its roles", () => {
  const staff: Caller = { ...BOB, roles: ["editor", "staff"] }
  expect(plan({ rank: 1 }, BOB).tag).toBe(plan({ rank: 1 }, staff).tag)
  expect(plan({ rank: 1, sort: "rank" }).tag).toBe(plan({ rank: 1, sort: "rank,title" }).tag)
  const tags = [
    plan({ rank: 1 }),
    plan({ rank: 2 }),
    plan({ rank: 1, limit: 5 }),
    plan({ rank: 1, sort: "-createdAt" }),
    plan({ rank: 1, sort: "createdAt" }),
    plan({ rank: 1 }, BOB),
    plan({ rank: 1 }, { ...BOB, roles: ["staff"] }),
    plan({ rank: 1 }, { ...BOB, scopes: new Set(["notes:read"]) }),
  ].map(({ tag }) => tag)
  expect(new Set(tags).size).toBe(tags.length)
  for (const tag of tags) expect(tag).toMatch(/^[a-z0-9]{6,11}$/)
})

test("a query over its own columns follows changes, one through relations names every table that it reads", () => {
  expect(plan({ rank: 1 })).toMatchObject({ follows: true, tables: ["notes"] })
  for (const query of [{ filter: { project: { open: true } } }, { expand: "project" }, { fields: "project.name" }])
    expect(plan(query)).toMatchObject({ follows: false, tables: ["notes", "projects", "members"] })
  expect(plan({}, ADA, "projects")).toMatchObject({ follows: false, tables: ["projects", "members"] })
  expect(plan({ expand: "owner" }, ADA, "projects").tables).toEqual(["projects", "members", "_users"])
})

test("a table whose changes leave something out is asked again, one that notes none can't be asked live", () => {
  expect(plan({}, ADA, "people")).toMatchObject({ follows: false, tables: ["_users"] })
  expect(refusal({ filter: { labels: { some: { id: "x" } } } })).toBe("invalid_query filter")
  expect(refusal({ expand: "labels" })).toBe("invalid_query expand")
  expect(refusal({ fields: "id,labels.id" })).toBe("invalid_query fields")
})

test("whoever may not read a collection, or asks for one that isn't live, is refused before its query is read", () => {
  expect(refusal({ nothing: 1 }, ADA, "ghosts")).toBe("not_found")
  expect(refusal({ nothing: 1 }, ADA, "members")).toBe("not_found")
  expect(refusal({ nothing: 1 }, ADA, "teams")).toBe("forbidden")
  expect(refusal({ nothing: 1 }, ANONYMOUS)).toBe("unauthenticated")
})

test("what a live query can't be asked names the parameter", () => {
  for (const [query, parameter] of [
    [[], "query"],
    [null, "query"],
    ["rank=1", "query"],
    [{ q: "a" }, "q"],
    [{ count: "exact" }, "count"],
    [{ aggregate: "count" }, "aggregate"],
    [{ group: "rank" }, "group"],
    [{ after: "x" }, "after"],
    [{ before: "x" }, "before"],
    [{ ghost: 1 }, "ghost"],
    [{ secret: "a" }, "secret"],
    [{ serial: "a" }, "serial"],
    [{ project: { open: true } }, "project"],
    [{ or: [] }, "or"],
    [{ rank: "1" }, "rank"],
    [{ rank: { near: 1 } }, "rank"],
    [{ title: { eq: { deep: { eq: 1 } } } }, "title"],
    [{ filter: "{}" }, "filter"],
    [{ filter: { secret: null } }, "filter"],
    [{ filter: nested(9) }, "filter"],
    [{ rank: 1, filter: { or: Array.from({ length: 50 }, (_, rank) => ({ rank })) } }, "filter"],
    [{ limit: 0 }, "limit"],
    [{ limit: 1_001 }, "limit"],
    [{ limit: 1.5 }, "limit"],
    [{ limit: "5" }, "limit"],
    [{ sort: "title" }, "sort"],
    [{ sort: "serial" }, "sort"],
    [{ sort: ["rank"] }, "sort"],
    [{ fields: "" }, "fields"],
    [{ fields: ["id", 1] }, "fields"],
    [{ fields: "secret" }, "fields"],
    [{ expand: "ghost" }, "expand"],
    [{ expand: {} }, "expand"],
  ] as const)
    expect([query, refusal(query)]).toEqual([query, `invalid_query ${parameter}`])
  for (const [search, parameter] of [
    ["q=a", "q"],
    ["after=x", "after"],
    ["rank=1&rank=2", "rank"],
    ["rank=a", "rank"],
    ["secret=a", "secret"],
    ["limit=1001", "limit"],
    ["filter={", "filter"],
    ["sort=ghost", "sort"],
  ] as const)
    expect([search, refusal({ search })]).toEqual([search, `invalid_query ${parameter}`])
  expect(plan({ limit: 1_000 }).request.limit).toBe(1_000)
  expect(plan({ serial: "a" }, BOB).follows).toBe(true)
})

function nested(depth: number): object {
  return depth === 0 ? { rank: 1 } : { not: nested(depth - 1) }
}
