/** Pages, walked forward and back, are exactly the whole order: nothing twice, nothing left out. */

import { env } from "cloudflare:workers"
import fc from "fast-check"
import { beforeAll, expect, test } from "vitest"
import type { SortKey } from "../../src/access/model.ts"
import { backend } from "../fixture/backend.ts"
import { type Client, createScenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"
import { compareValues } from "./reference.ts"
import { idOf, insertStatements, rowOf, runAll } from "./rows.ts"
import { LONG, runs, TIMEOUT } from "./runs.ts"
import type { Row } from "./values.ts"

const ROWS = LONG ? 300 : 60
const notes = backend.collections.get("notes")!
/** Every declared order and the same turned round; the default order of a collection without any is by id. */
const SORTS = notes.sorts.flatMap(({ text, keys }) => [
  { text, keys },
  {
    text: text.replace(/-?[^,]+/g, (key) => (key.startsWith("-") ? key.slice(1) : `-${key}`)),
    keys: keys.map((key) => ({ ...key, descending: !key.descending })),
  },
])

/** Few values, so that there are ties in every key. */
const note = (n: number) =>
  rowOf(tables.notes, n, {
    id: fc.constant(idOf(n)),
    title: fc.constantFrom("a", "A", "é", "\uffee", "😀", ""),
    body: fc.constantFrom(null, "a word", "word a", "wording"),
    rank: fc.constantFrom(null, -1, 0, 3),
    score: fc.constantFrom(null, 0.1, 1 / 3, 0.1 + 0.2, 1e300, 5e-324, -2),
    dueAt: fc.constantFrom(null, "1969-12-31T23:59:59.999Z", "2026-01-31T12:00:00.000Z"),
    createdAt: fc.constantFrom("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.001Z"),
    serial: fc.constantFrom(null, `${n % 7}é${n}`),
    projectId: fc.constant(null),
    done: fc.boolean(),
  })

const scenario = createScenario(backend, env.FIXTURE)
let service: Client
let rows: Row[]

beforeAll(async () => {
  service = await scenario.as("service")
  const drawn = fc.tuple(...Array.from({ length: ROWS }, (_, n) => note(n)))
  rows = fc.sample(drawn, { numRuns: 1, ...(!LONG && { seed: 11 }) })[0]!
  await runAll(env.FIXTURE, insertStatements(env.FIXTURE, tables.notes, rows))
})

const FILTERS: readonly (readonly [query: string, fits: (row: Row) => boolean])[] = [
  ["", () => true],
  ["&done=true", (row) => row.done === true],
  ["&rank[ne]=3", (row) => row.rank !== 3],
  [`&filter=${encodeURIComponent('{"not":{"score":{"gt":0}}}')}`, ({ score }) => !((score as number) > 0)],
  ["&title[in]=nothing", () => false],
]

const view = fc.record({
  sort: fc.constantFrom(...SORTS),
  limit: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 100 })),
  filter: fc.constantFrom(...FILTERS),
  shape: fc.constantFrom("", "&fields=id", "&fields=title,id", "&expand=project"),
})

test("pages by next are the whole order, and by previous the same backwards", { timeout: TIMEOUT }, async () => {
  await fc.assert(
    fc.asyncProperty(view, async ({ sort, limit, filter: [filter, fits], shape }) => {
      const wanted = ordered(sort.keys, rows.filter(fits))
      const query = `/v1/notes?sort=${sort.text}&limit=${limit}${filter}${shape}`
      const forward = await walk(query, "next")
      expect(forward.flatMap(({ ids }) => ids)).toEqual(wanted)
      expect(forward.slice(0, -1).every(({ ids }) => ids.length === limit)).toBe(true)
      const { ids, previous } = forward.at(-1)!
      expect(previous === null).toBe(forward.length === 1)
      if (previous === null) return
      const backward = await walk(query, "previous", previous)
      expect(backward.reverse().flatMap((page) => page.ids)).toEqual(wanted.slice(0, wanted.length - ids.length))
      expect(backward.every((page) => page.next !== null)).toBe(true)
    }),
    runs(40, 600),
  )
})

test("a row that was there all the time is shown once, whatever comes and goes between pages", {
  timeout: TIMEOUT,
}, async () => {
  const others = fc.infiniteStream(fc.tuple(fc.boolean(), note(0), fc.uuid()))
  await fc.assert(
    fc.asyncProperty(view, others, async ({ sort, limit, filter: [filter, fits], shape }, stream) => {
      const wanted = ordered(sort.keys, rows.filter(fits))
      const added: string[] = []
      const disturb = async () => {
        const [remove, drawn, id] = stream.next().value as [boolean, Row, string]
        const gone = remove ? added.pop() : undefined
        if (gone) await env.FIXTURE.prepare("DELETE FROM notes WHERE id = ?").bind(gone).run()
        added.push(id)
        await runAll(
          env.FIXTURE,
          insertStatements(env.FIXTURE, tables.notes, [{ ...drawn, id, code: null, serial: null }]),
        )
      }
      const query = `/v1/notes?sort=${sort.text}&limit=${limit}${filter}${shape}`
      try {
        const shown = (await walk(query, "next", undefined, disturb)).flatMap(({ ids }) => ids)
        expect(new Set(shown).size).toBe(shown.length)
        expect(shown.filter((id) => wanted.includes(id))).toEqual(wanted)
      } finally {
        await env.FIXTURE.prepare("DELETE FROM notes WHERE id IN (SELECT value FROM json_each(?))")
          .bind(JSON.stringify(added))
          .run()
      }
    }),
    runs(15, 150),
  )
})

test("pages of a search by rank are the whole answer, forward and back", { timeout: TIMEOUT }, async () => {
  const search = fc.record({
    q: fc.constantFrom("word", "a", "WORD A", "é", "wor", "\uffee", "nothing"),
    limit: fc.integer({ min: 1, max: 20 }),
  })
  await fc.assert(
    fc.asyncProperty(search, async ({ q, limit }) => {
      const query = `/v1/notes?q=${encodeURIComponent(q)}`
      const whole = (await walk(`${query}&limit=100`, "next")).flatMap(({ ids }) => ids)
      const forward = await walk(`${query}&limit=${limit}`, "next")
      expect(forward.flatMap(({ ids }) => ids)).toEqual(whole)
      const { ids, previous } = forward.at(-1)!
      if (previous === null) return
      const backward = await walk(`${query}&limit=${limit}`, "previous", previous)
      expect(backward.reverse().flatMap((page) => page.ids)).toEqual(whole.slice(0, whole.length - ids.length))
    }),
    runs(10, 150),
  )
})

interface Shown {
  readonly ids: string[]
  readonly next: string | null
  readonly previous: string | null
}

/** Follows the pages to their end. */
async function walk(
  query: string,
  to: "next" | "previous",
  from?: string,
  between: () => Promise<void> = async () => {},
): Promise<Shown[]> {
  const pages: Shown[] = []
  for (let cursor = from; pages.length === 0 || cursor !== undefined; ) {
    const at = cursor === undefined ? "" : `&${to === "next" ? "after" : "before"}=${cursor}`
    const { status, text, body } = await service.get(query + at)
    if (status !== 200) throw new Error(text)
    const { next, previous } = body.page as Shown
    pages.push({ ids: (body.data as Row[]).map((record) => record.id as string), next, previous })
    cursor = body.page[to] ?? undefined
    await between()
  }
  return pages
}

/** The service's own order, null first and `id` last. */
function ordered(keys: readonly SortKey[], shown: readonly Row[]): string[] {
  const compare = (a: Row, b: Row) => {
    for (const { column, descending } of keys) {
      const sign = compareValues(column, a[column.key] ?? null, b[column.key] ?? null)
      if (sign !== 0) return descending ? -sign : sign
    }
    return 0
  }
  return [...shown].sort(compare).map((row) => row.id as string)
}
