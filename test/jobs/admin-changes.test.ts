/** The changes and figures that operators see. */

import { beforeAll, expect, test } from "vitest"
import * as z from "zod"
import { films } from "../../app/schema.ts"
import { job, on } from "../../src/index.ts"
import { newId } from "../../src/tables.ts"
import { type AdminScenario, createAdminScenario } from "./admin-scenario.ts"

let scenario: AdminScenario
let film: { id: string; createdAt: string }

beforeAll(async () => {
  const counted = job("counted", { input: z.number(), run: () => {} })
  scenario = await createAdminScenario([counted, on(films, ["deleted"], () => {})])
  const service = await scenario.as("service")
  const { body } = await service.post("/v1/films", { body: { title: "Alien", priceCents: 999, stock: 3 } })
  film = body
  await service.patch(`/v1/films/${film.id}`, { body: { stock: 2 } })
  await service.delete(`/v1/films/${film.id}`)
})

const changes = async (query: string) => scenario.admin.get(`/v1/admin/changes?${query}`)

test("the changes of a record are told newest first, with the record before and after", async () => {
  const { status, body } = await changes(`collection=films&recordId=${film.id}`)
  expect(status).toBe(200)
  const last = await scenario.lastSeq()
  const record = { id: film.id, title: "Alien", priceCents: 999, createdAt: film.createdAt, releasedOn: null }
  const about = { collection: "films", recordId: film.id, at: expect.stringMatching(/^\d{4}-.*Z$/) }
  expect(body.data).toMatchObject([
    { ...about, seq: last, op: "delete", before: { ...record, stock: 2, version: 2 }, after: null },
    {
      ...about,
      seq: last - 1,
      op: "update",
      before: { ...record, stock: 3, version: 1 },
      after: { ...record, stock: 2 },
    },
    { ...about, seq: last - 2, op: "insert", before: null, after: { ...record, stock: 3, version: 1 } },
  ])
  expect(Object.keys(body.data[0]).toSorted()).toEqual(["after", "at", "before", "collection", "op", "recordId", "seq"])
})

test("changes page by key, in both directions", async () => {
  const first = (await changes("limit=2")).body
  const next = (await changes(`limit=1&after=${first.page.next}`)).body
  expect([...first.data, ...next.data].map(({ op }: { op: string }) => op)).toEqual(["delete", "update", "insert"])
  const back = (await changes(`limit=2&before=${next.page.previous}`)).body
  expect(back.data).toEqual(first.data)
})

test("accounts are shown without their personal data, under the name of their table", async () => {
  const id = newId()
  await scenario.d1
    .prepare("INSERT INTO _users (id, email, name, created_at, updated_at) VALUES (?, 'ada@example.com', 'Ada', 0, 0)")
    .bind(id)
    .run()
  const { body } = await changes(`recordId=${id}`)
  expect(body.data).toMatchObject([{ collection: "_users", op: "insert", after: { id, roles: [] } }])
  expect(JSON.stringify(body)).not.toMatch(/ada@|Ada/)
  expect((await changes(`collection=_users&recordId=${id}`)).body).toEqual(body)
  expect((await changes(`collection=films&recordId=${id}`)).body.data).toEqual([])
})

test("a page of wide changes is shorter, and the next goes on where it ended", async () => {
  const ids = Array.from({ length: 4 }, newId)
  const wide = { id: "x", text: "x".repeat(1_500_000) }
  for (const id of ids) {
    const insert = "INSERT INTO _changes (table_name, record_id, op, after, at) VALUES ('wide', ?, 'insert', ?, 1)"
    await scenario.d1
      .prepare(insert)
      .bind(id, JSON.stringify([wide]))
      .run()
  }
  const seen: string[] = []
  const sizes: number[] = []
  for (let cursor: string | null = ""; cursor !== null; ) {
    const { body } = await changes(`collection=wide&limit=100${cursor && `&after=${cursor}`}`)
    seen.push(...body.data.map(({ recordId }: { recordId: string }) => recordId))
    sizes.push(body.data.length)
    cursor = body.page.next
  }
  expect(seen).toEqual(ids.toReversed())
  expect(sizes).toEqual([3, 1])
})

test("figures count jobs by state and name, accounts and sessions, and say how far each sink is", async () => {
  await scenario.run()
  await scenario.enqueue("counted", 1, { delay: 1_000 })
  await scenario.enqueue("counted", 2, { delay: 1_000 })
  const { status, body } = await scenario.admin.get("/v1/admin/stats")
  expect(status).toBe(200)
  const seq = await scenario.lastSeq()
  expect(body).toMatchObject({ seq, countedUpTo: { jobs: expect.any(Number) } })
  expect(body.sinks).toContainEqual({
    name: "reactions",
    seq: expect.any(Number),
    failures: 0,
    lag: expect.any(Number),
  })
  for (const { seq: taken, lag } of body.sinks) expect(taken + lag).toBe(seq)
  expect(body.jobs).toContainEqual({ state: "queued", name: "counted", count: 2 })
  const count = async (sql: string) => scenario.d1.prepare(sql).first<number>("n")
  expect(body.users).toBe(await count("SELECT count(*) AS n FROM _users WHERE deleted_at IS NULL"))
  expect(body.sessions).toBeGreaterThan(0)
  await scenario.d1.exec(
    "UPDATE _sessions SET idle_at = 1 WHERE revoked_at IS NULL AND user_id NOT IN (SELECT id FROM _users WHERE roles = '[\"admin\"]')",
  )
  const trips = scenario.counted.trips
  await scenario.admin.get("/v1/admin/stats")
  expect(scenario.counted.trips - trips).toBe(2)
})
