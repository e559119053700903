/** Nothing that the outside sends makes the server fail: random requests through the whole Worker, as anyone. */

import { env } from "cloudflare:workers"
import fc from "fast-check"
import { users } from "selvedge/tables"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { backend as shop } from "../../app/backend.ts"
import * as shopTables from "../../app/schema.ts"
import { createTokens } from "../../src/auth/tokens.ts"
import type { Backend } from "../../src/index.ts"
import { tableModel } from "../../src/schema/table-model.ts"
import { createWorker } from "../../src/worker.ts"
import { backend as fixture } from "../fixture/backend.ts"
import * as fixtureTables from "../fixture/schema.ts"
import { EARLIER } from "./request-queries.ts"
import { type CallerName, type Drawn, requestsTo } from "./requests.ts"
import { idOf, insertStatements, rowOf, runAll } from "./rows.ts"
import { LONG, runs, TIMEOUT } from "./runs.ts"
import type { Row } from "./values.ts"

const REQUESTS = LONG ? 15_000 : 800
const USER = idOf(1)
const STAFF = idOf(2)
const STRANGER = idOf(3)
const execution = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} } as unknown as ExecutionContext

const failures: string[] = []

beforeAll(() => {
  vi.spyOn(console, "log").mockImplementation(() => {})
  vi.spyOn(console, "error").mockImplementation((line) => failures.push(String(line)))
})

afterAll(() => vi.restoreAllMocks())

const id = (n: number) => ({ id: fc.constant(idOf(n)) })
const among = (start: number, count: number) => fc.integer({ min: start, max: start + count - 1 }).map(idOf)

const BACKENDS = [
  {
    name: "the engine's fixture",
    backend: fixture as Backend,
    d1: env.FIXTURE,
    paths: [],
    seed: [
      [fixtureTables.teams, 100, 5, {}],
      [fixtureTables.projects, 200, 10, { ownerId: among(1, 3), teamId: among(100, 5) }],
      [fixtureTables.members, 300, 3, { projectId: among(200, 10) }],
      [fixtureTables.notes, 400, 40, { ownerId: among(1, 3), projectId: among(200, 10) }],
    ],
  },
  {
    name: "the shop",
    backend: shop as Backend,
    d1: env.DB,
    paths: ["/v1/checkout", "/v1/checkout/1"],
    seed: [
      [shopTables.directors, 500, 4, {}],
      [
        shopTables.films,
        600,
        20,
        {
          directorId: among(500, 4),
          stock: fc.integer({ min: 0, max: 9 }),
          priceCents: fc.integer({ min: 0, max: 5_000 }),
        },
      ],
    ],
  },
] as const

describe.each(BACKENDS)("$name", ({ backend, d1, paths, seed }) => {
  const worker = createWorker(backend)
  const tokens = new Map<CallerName, string>()
  /** How often the creation of a record at this path was acknowledged. */
  const created = new Map<string, number>()
  const seeded = idsOf(seed)
  const earlier = { cursor: "x", bookmark: "x" }

  beforeAll(async () => {
    const signer = createTokens({ db: d1, secret: env.SELVEDGE_SECRET, now: Date.now })
    const user = (subject: string, ...roles: string[]) => signer.sign({ subject, roles, lifetimeSeconds: 86_400 })
    tokens.set("user", await user(USER))
    tokens.set("staff", await user(STAFF, "staff", "admin"))
    tokens.set("stranger", await user(STRANGER))
    tokens.set("service", await signer.sign({ service: true, lifetimeSeconds: 86_400 }))
    const people = [1, 2, 3].map((n) =>
      rowOf(users, n, { ...id(n), email: fc.constant(`${n}@example.com`), roles: fc.constant([]) }),
    )
    await runAll(d1, insertStatements(d1, users, draw(people)))
    for (const [table, start, count, given] of seed) {
      const rows = Array.from({ length: count }, (_, n) => rowOf(table, start + n, { ...given, ...id(start + n) }))
      await runAll(d1, insertStatements(d1, table, draw(rows)))
    }
  })

  test("answers every request with less than 500, and every refusal with a problem", { timeout: TIMEOUT }, async () => {
    let answered = 0
    const property = fc.asyncProperty(requestsTo(backend, seeded, paths), async (drawn) => {
      const answer = await send(drawn)
      if (!answer) return
      answered++
      await checkAnswer(drawn, answer)
      await followPages(drawn, answer)
      await noteCreated(drawn, answer)
    })
    await fc.assert(property, runs<[Drawn]>(REQUESTS, REQUESTS))
    expect(answered).toBeGreaterThan(REQUESTS * 0.9)
  })

  test("kept every record whose creation was acknowledged, with one insert in the log of changes", {
    timeout: TIMEOUT,
  }, async () => {
    expect(created.size).toBeGreaterThan(REQUESTS / 100)
    const inserts = await countChanges("insert")
    const deletes = await countChanges("delete")
    for (const [path, times] of created) {
      const [, , name, recordId] = path.split("/")
      const { table } = backend.collections.get(name!)!
      const key = `${table.name} ${recordId}`
      expect(inserts.get(key), path).toBe(times + (seeded.get(table.name)?.includes(recordId!) ? 1 : 0))
      const gone = inserts.get(key) === (deletes.get(key) ?? 0)
      const answer = await send({ caller: "service", method: "GET", path, query: [], headers: {}, body: undefined })
      expect(answer!.status, path).toBe(gone ? 404 : 200)
    }
  })

  async function send({ caller, method, path, query, headers, body }: Drawn): Promise<Response | undefined> {
    const token = tokens.get(caller)
    const replaced = query.map((part) => part.replace(encodeURIComponent(EARLIER), earlier.cursor))
    const request = buildRequest(`https://edge.example${path}${query.length > 0 ? `?${replaced.join("&")}` : ""}`, {
      method,
      headers: {
        ...(token && { Authorization: `Bearer ${token}` }),
        ...Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, value.replace(EARLIER, earlier.bookmark)]),
        ),
      },
      ...(body !== undefined && { body }),
    })
    return request && (await worker.fetch!(request, { ...env, DB: d1 }, execution))
  }

  async function followPages(drawn: Drawn, answer: Response): Promise<void> {
    const isJson = answer.headers.get("Content-Type") === "application/json"
    if (drawn.method !== "GET" || answer.status !== 200 || !isJson) return
    const { page } = JSON.parse(await answer.clone().text()) as {
      page?: { next: string | null; previous: string | null }
    }
    const query = drawn.query.filter((part) => !/^(after|before)=/.test(part))
    for (const [name, cursor] of [
      ["after", page?.next],
      ["before", page?.previous],
    ] as const) {
      if (!cursor) continue
      earlier.cursor = cursor
      const followed = await send({ ...drawn, query: [...query, `${name}=${cursor}`] })
      expect(followed?.status, `${name} ${cursor}`).toBe(200)
    }
    earlier.bookmark = answer.headers.get("Selvedge-Bookmark") ?? earlier.bookmark
  }

  async function noteCreated({ method }: Drawn, answer: Response): Promise<void> {
    if (!["POST", "PUT"].includes(method) || answer.headers.has("Idempotency-Replayed")) return
    const note = (path: string) => created.set(path, (created.get(path) ?? 0) + 1)
    const location = answer.headers.get("Location")
    if (answer.status === 201 && location) note(location)
    const body = answer.status < 300 && answer.status !== 204 ? ((await answer.clone().json()) as Row) : {}
    if (answer.status === 201 && !location) note(`/v1/orders/${body.id}`)
    for (const result of (body.results ?? []) as { status: number; headers: { Location: string } }[])
      if (result.status === 201) note(result.headers.Location)
  }

  async function countChanges(op: string): Promise<Map<string, number>> {
    const { results } = await d1
      .prepare("SELECT table_name || ' ' || record_id AS key, count(*) AS times FROM _changes WHERE op = ? GROUP BY 1")
      .bind(op)
      .all<{ key: string; times: number }>()
    return new Map(results.map(({ key, times }) => [key, times]))
  }
})

function idsOf(seed: (typeof BACKENDS)[number]["seed"]): Map<string, string[]> {
  return new Map([
    [tableModel(users).name, [USER, STAFF, STRANGER]],
    ...seed.map(
      ([table, start, count]) =>
        [tableModel(table).name, Array.from({ length: count }, (_, n) => idOf(start + n))] as const,
    ),
  ] as [string, string[]][])
}

/** Undefined for what the Fetch API itself refuses to send. */
function buildRequest(url: string, init: RequestInit) {
  try {
    return new Request(url, init) as Request<unknown, IncomingRequestCfProperties>
  } catch {
    return undefined
  }
}

async function checkAnswer(drawn: Drawn, answer: Response): Promise<void> {
  const { status, headers } = answer
  const text = await answer.clone().text()
  if (status >= 500) throw new Error(`${status} ${text}\n${failures.splice(0).join("\n").replaceAll("\\n", "\n")}`)
  for (const name of ["X-Request-Id", "Cache-Control", "Vary", "Content-Security-Policy"])
    expect(headers.get(name), name).toBeTruthy()
  expect(headers.get("X-Content-Type-Options")).toBe("nosniff")
  if (status < 400) return
  expect(headers.get("Content-Type")).toBe("application/problem+json")
  if (drawn.method === "HEAD") return
  const problem = JSON.parse(text) as Row
  expect(problem).toMatchObject({ status, requestId: headers.get("X-Request-Id") })
  expect([typeof problem.code, typeof problem.title, typeof problem.detail]).toEqual(["string", "string", "string"])
}

function draw(rows: fc.Arbitrary<Row>[]): Row[] {
  return fc.sample(fc.tuple(...rows), { numRuns: 1, ...(!LONG && { seed: 3 }) })[0]!
}
