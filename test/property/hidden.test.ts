/**
 * Nothing hidden can be told from the outside: over every row, with the rules, a caller gets what it would get if the
 * rows and columns that it may not see did not exist.
 *
 * What can't be kept, since a database holds a value or an id once: one that a hidden row has is refused as taken (409),
 * PUT finds nothing at a hidden row's id instead of creating a record there, and a record that hidden rows refer to can't
 * be deleted (409).
 */

import fc from "fast-check"
import { beforeAll, expect, test } from "vitest"
import { backend as fixture } from "../fixture/backend.ts"
import { compare, createMirror, type Entered, enter, facts } from "./mirror.ts"
import { fairQueriesOf } from "./request-queries.ts"
import { idOf } from "./rows.ts"
import { runs, TIMEOUT } from "./runs.ts"
import type { Row } from "./values.ts"
import { type Drawn, IDS, NAMES, type Name, USERS, WORDS, worlds } from "./worlds.ts"

const MOST_READS = 25
/** Pages followed from one list, each way. */
const MOST_PAGES = 6
const MISSING = idOf(9_999)
const GHOST = "ghost"

beforeAll(createMirror)

const name = fc.constantFrom(...NAMES)

test("reads answer as if what is hidden did not exist", { timeout: TIMEOUT }, async () => {
  const read = name.chain((drawn) =>
    fc.record({
      path: fc
        .constantFrom(...Array<string>(30).fill(""), ...IDS[drawn].map((id) => `/${id}`))
        .map((id) => `/v1/${drawn}${id}`),
      query: fairQueriesOf(fixture.collections.get(drawn)!, [...USERS, ...WORDS]),
    }),
  )
  const reads = fc.array(read, { minLength: 1, maxLength: MOST_READS, size: "max" })
  const property = fc.asyncProperty(worlds, reads, async (drawn, drawnReads) => {
    const entered = await enter(drawn)
    for (const { path, query } of drawnReads) {
      const isList = path.split("/").length === 3
      const parameters = isList ? query : query.filter((part) => /^(fields|expand)=/.test(part))
      await comparePages(entered, `${path}?${parameters.join("&")}`)
    }
  })
  await fc.assert(property, runs<[Drawn, { path: string; query: string[] }[]]>(30, 1_500))
})

test("a record that is hidden can be written and referred to no more than one that is missing", {
  timeout: TIMEOUT,
}, async () => {
  const target = name.chain((drawn) =>
    fc.record({ name: fc.constant(drawn), id: fc.constantFrom(...IDS[drawn], MISSING) }),
  )
  const writes = fc.array(target, { minLength: 1, maxLength: 15, size: "max" })
  const property = fc.asyncProperty(worlds, writes, async (drawn, targets) => {
    const entered = await enter(drawn)
    for (const { name, id } of targets) {
      if (entered.world.seen.get(name)!.some((row) => row.id === id)) continue
      await compareWrites(entered, name, id)
      for (const [from, key] of REFERENCES[name] ?? []) await compareReference(entered, from, key, id)
    }
  })
  await fc.assert(property, runs<[Drawn, { name: Name; id: string }[]]>(8, 400))
})

test("a hidden field is refused as one that does not exist", { timeout: TIMEOUT }, async () => {
  const property = fc.asyncProperty(worlds, async (drawn) => {
    const { whole } = await enter(drawn)
    for (const name of NAMES) {
      for (const field of drawn.hidden[name]) {
        for (const [method, path, body] of namings(name)) {
          const ask = (key: string) => {
            const call = body === undefined ? undefined : { body: { [key]: body }, headers: { "If-Match": "*" } }
            return whole[method](path.replaceAll("{}", key), call)
          }
          const unknown = facts(await ask(GHOST))
          expect(unknown.status).toBeGreaterThanOrEqual(400)
          const text = unknown.text.replaceAll(GHOST, field)
          expect(facts(await ask(field)), `${method} ${path} ${field}`).toEqual({ ...unknown, text })
        }
      }
    }
  })
  await fc.assert(property, runs<[Drawn]>(5, 200))
})

test("a conflict names the fields that the caller may see, and nothing of the other record", {
  timeout: TIMEOUT,
}, async () => {
  let conflicts = 0
  const property = fc.asyncProperty(worlds, async (drawn) => {
    const entered = await enter(drawn)
    const codes = drawn.rows.notes.flatMap(({ code }) => (code === null ? [] : [{ code }]))
    const texts = await conflictsOf(entered, "notes", codes, drawn)
    expect(new Set(texts).size).toBeLessThanOrEqual(1)
    const others = IDS.projects.slice(0, 3).map((projectId) => ({ projectId }))
    conflicts += texts.length + (await conflictsOf(entered, "members", others, drawn)).length
  })
  await fc.assert(property, runs<[Drawn]>(12, 300))
  expect(conflicts).toBeGreaterThan(0)
})

/** Patches a record that the caller sees; what it is told of a record that stands in the way. */
async function conflictsOf(entered: Entered, name: Name, patches: readonly Row[], drawn: Drawn): Promise<string[]> {
  const own = entered.world.seen.get(name)![0]
  const texts: string[] = []
  for (const patch of own ? patches : []) {
    const { body, text } = await entered.whole.patch(`/v1/${name}/${own!.id}`, { body: patch })
    if (body.code !== "conflict") continue
    for (const key of drawn.hidden[name]) expect(text).not.toMatch(new RegExp(`\\b${key}\\b(?!":)`))
    texts.push(`${body.detail} ${JSON.stringify(body.errors)}`)
  }
  return texts
}

/** Follows a list's pages to the end or the bound, and back again. */
async function comparePages(entered: Entered, path: string): Promise<void> {
  let page = (await compare(entered, "get", path)).body.page as
    | { next: string | null; previous: string | null }
    | undefined
  for (const [to, parameter] of [
    ["next", "after"],
    ["previous", "before"],
  ] as const) {
    for (let count = 0; page?.[to] && count < MOST_PAGES; count++) {
      page = (await compare(entered, "get", `${path}&${parameter}=${page[to]}`)).body.page
    }
  }
}

const BODIES: Record<Name, Row> = {
  teams: { name: "a" },
  projects: { name: "a" },
  members: {},
  notes: { title: "a" },
}

async function compareWrites(entered: Entered, name: Name, id: string): Promise<void> {
  const path = `/v1/${name}/${id}`
  for (const headers of [{}, { "If-Match": "*" }, { "If-Match": '"1", "2"' }] as Record<string, string>[]) {
    for (const body of [{}, BODIES[name]]) await compare(entered, "patch", path, { body, headers })
    await compare(entered, "delete", path, { headers })
    if (headers["If-Match"]) await compare(entered, "put", path, { body: BODIES[name], headers })
  }
  const operations = [{ method: "PATCH", path, body: {} }]
  await compare(entered, "post", "/v1/batch", { body: { operations } })
}

/** Which fields of which collection refer to a collection. */
const REFERENCES: { [N in Name]?: readonly (readonly [from: Name, key: string])[] } = {
  teams: [["projects", "teamId"]],
  projects: [
    ["notes", "projectId"],
    ["members", "projectId"],
  ],
}

async function compareReference(entered: Entered, from: Name, key: string, id: string): Promise<void> {
  const reference = { [key]: id }
  await compare(entered, "post", `/v1/${from}`, {
    body: { ...BODIES[from], ...reference, ...(from === "members" && { userId: USERS[0] }) },
  })
  const own = entered.world.seen.get(from)!.find((row) => row.id !== undefined)
  if (own) await compare(entered, "patch", `/v1/${from}/${own.id}`, { body: reference })
}

type Naming = readonly [method: "get" | "post" | "patch" | "put", path: string, body?: unknown]

/** Everything that can name a field; `{}` stands for the field. */
function namings(name: Name): Naming[] {
  const list = `/v1/${name}`
  const filters = ['{"{}":"a"}', '{"not":{"{}":{"in":[]}}}', '{"or":[{"{}":null}]}']
  const queries = [
    "{}=1",
    "{}[gt]=1",
    "{}[in]=a,b",
    "{}[x]=1",
    "sort={}",
    "sort=-{}",
    "sort={},id",
    "fields={}",
    "fields=id,{}",
    "expand={}",
    "aggregate=count&group={}",
    "aggregate=max({})",
    "aggregate=sum({})",
  ]
  const relations = NAMES.flatMap((from) =>
    [...fixture.collections.get(from)!.relations.values()]
      .filter(({ target }) => target.name === name)
      .map(({ name: relation, many }): [Name, string, boolean] => [from, relation, many]),
  )
  return [
    ...queries.map((query): Naming => ["get", `${list}?${query}`]),
    ...filters.map((filter): Naming => ["get", `${list}?filter=${filter}`]),
    ...relations.flatMap(([from, relation, many]): Naming[] => [
      ["get", `/v1/${from}?fields=${relation}.{}`],
      ["get", `/v1/${from}?filter={"${relation}":${many ? '{"some":{"{}":1}}' : '{"{}":1}'}}`],
    ]),
    ["get", `${list}/${IDS[name][0]}?fields={}`],
    ["post", list, 1],
    ["patch", `${list}/${IDS[name][0]}`, 1],
    ["put", `${list}/${IDS[name][0]}`, 1],
  ]
}
