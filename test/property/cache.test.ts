/**
 * Whatever the rules, rows and questions: a kept answer is what the database says to that caller, and no answer that a
 * rule of rows had a part in is kept, neither by the isolate nor in KV.
 */

import { env } from "cloudflare:workers"
import fc from "fast-check"
import { users } from "selvedge/tables"
import { beforeAll, expect, test } from "vitest"
import { cachePolicy } from "../../src/access/cache-policy.ts"
import { isAlways } from "../../src/access/filter.ts"
import type { Collections } from "../../src/access/model.ts"
import { accessFilter } from "../../src/access/visibility.ts"
import { ANONYMOUS } from "../../src/core/caller.ts"
import type { Backend } from "../../src/index.ts"
import { createPrivateKv } from "../cache/private-kv.ts"
import { backend as fixture } from "../fixture/backend.ts"
import { type Answer, type Client, createScenario, type Scenario } from "../fixture/scenario.ts"
import { fairQueriesOf } from "./request-queries.ts"
import { insertStatements, runAll } from "./rows.ts"
import { runs, TIMEOUT } from "./runs.ts"
import type { Row } from "./values.ts"
import {
  buildWorld,
  CALLER,
  CALLERS,
  type Drawn,
  IDS,
  NAMES,
  type Name,
  PEOPLE,
  tables,
  USERS,
  WORDS,
  worlds,
} from "./worlds.ts"

const D1 = env.FIXTURE
const MOST_READS = 4

beforeAll(() => runAll(D1, insertStatements(D1, users, PEOPLE)))

/** Questions whose answer lies behind a relation, where rules differ. */
function throughRelations(name: Name): fc.Arbitrary<string[]> {
  const relations = [...fixture.collections.get(name)!.relations.values()]
  const relation = fc.constantFrom(...relations).chain(({ name: key, many }) => {
    const inner = fc.constantFrom({}, { id: { ne: IDS.notes[0] } })
    const filters = many
      ? fc
          .tuple(fc.constantFrom("some", "none", "every"), inner)
          .map(([word, within]) => ({ [key]: { [word]: within } }))
      : inner.map((within) => ({ [key]: within }))
    const turned = fc.tuple(filters, fc.boolean()).map(([filter, isNot]) => (isNot ? { not: filter } : filter))
    return fc.oneof(
      turned.map((filter) => `filter=${encodeURIComponent(JSON.stringify(filter))}`),
      fc.constantFrom(`expand=${key}`, `fields=id,${key}.id`),
    )
  })
  return relation.map((parameter) => [parameter])
}

const read = fc.constantFrom(...NAMES).chain((name) =>
  fc.record({
    name: fc.constant(name),
    id: fc.constantFrom(...Array<undefined>(20).fill(undefined), ...IDS[name]),
    query: fc.oneof(fairQueriesOf(fixture.collections.get(name)!, [...USERS, ...WORDS]), throughRelations(name)),
  }),
)
type Read = { name: Name; id: string | undefined; query: string[] }
const OWN: Partial<Record<Name, Row>> = {
  projects: { ownerId: CALLER },
  notes: { ownerId: CALLER },
  members: { userId: CALLER },
}
/** Some collections that everybody may read, beside some of which each sees its own. */
const mixed = fc
  .tuple(worlds, fc.subarray([...NAMES], { minLength: 1 }), fc.boolean())
  .map(([drawn, open, isOwn]): Drawn => {
    const ruled = isOwn ? { ...drawn.read, ...OWN } : drawn.read
    return {
      ...drawn,
      read: { ...ruled, ...Object.fromEntries(open.map((name) => [name, "anyone"])) } as Drawn["read"],
    }
  })
/** A second world, as after a deploy: other rules over the same rows, and the same KV. */
const cases = fc.tuple(mixed, mixed, fc.array(read, { minLength: 1, maxLength: MOST_READS, size: "max" }))

test("kept answers are those of the database, and private ones are never kept", { timeout: TIMEOUT }, async () => {
  let hits = 0
  const property = fc.asyncProperty(cases, async ([drawn, next, reads]) => {
    await fill(drawn)
    const { kv, values } = createPrivateKv()
    const open = new Set<string>()
    for (const rules of [drawn, next]) {
      const world = { ...rules, rows: drawn.rows }
      const { whole } = buildWorld(world)
      for (const [name, found] of whole.collections)
        if (isAlways(accessFilter(found, "read", ANONYMOUS))) open.add(name)
      const plain = await clientsOf(createScenario(whole, D1))
      const isolates = [1, 2].map(() => createScenario(keeping(world), D1, Date.now, { kv }))
      const clients = await Promise.all(isolates.map(clientsOf))
      for (const { name, id, query } of reads) {
        const parameters = id === undefined ? query : query.filter((part) => /^(fields|expand)=/.test(part))
        const path = `/v1/${name}${id === undefined ? "" : `/${id}`}?${parameters.join("&")}`
        const wanted = await Promise.all(plain.map((client) => client.get(path)))
        for (const isolate of [0, 0, 1, 1]) {
          for (const [i, client] of clients[isolate]!.entries()) {
            const given = await client.get(path)
            expect(told(given), `${path} ${JSON.stringify(CALLERS[i])}`).toEqual(told(wanted[i]!))
            if (given.headers.get("Cache-Status")?.includes("hit")) hits++
          }
          await isolates[isolate]!.settled()
        }
      }
    }
    const kept = [...(await values())].flatMap(([name, text]) => (name.startsWith("answer:") ? [text] : []))
    for (const text of kept) {
      const { collections } = JSON.parse(text.slice(0, text.indexOf("\n"))) as { collections: Name[] }
      for (const name of collections) expect(open, name).toContain(name)
    }
  })
  await fc.assert(property, runs<[[Drawn, Drawn, Read[]]]>(15, 1_000))
  expect(hits).toBeGreaterThan(0)
})

/** The drawn backend, but that what everybody may read is kept. */
function keeping(drawn: Drawn): Backend {
  const { whole } = buildWorld(drawn)
  const cache = cachePolicy("cache", { maxAge: 600 })
  const collections: Collections = whole.collections
  for (const [name, found] of collections) if (drawn.read[name as Name] === "anyone") Object.assign(found, { cache })
  return whole
}

function clientsOf(scenario: Scenario): Promise<Client[]> {
  return Promise.all(
    CALLERS.map(({ kind, id, roles }) => scenario.as(kind === "anonymous" ? kind : { id, roles: [...roles] })),
  )
}

function told({ status, headers, text }: Answer) {
  const body = text.replace(/"requestId":"[^"]*"/, "")
  return { status, body, tag: headers.get("ETag"), link: headers.get("Link") }
}

async function fill({ rows }: Drawn): Promise<void> {
  const clear = [...NAMES].reverse().map((name) => D1.prepare(`DELETE FROM ${name}`))
  await D1.batch([...clear, ...NAMES.flatMap((name) => insertStatements(D1, tables[name], rows[name] as Row[]))])
}
