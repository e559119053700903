/** Calls between objects that fail, or whose answers are lost, and a database that is slow: nothing is lost or doubled. */

import { abortAllDurableObjects } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import { afterAll, afterEach, expect, test, vi } from "vitest"
import { wait } from "../../src/core/wait.ts"
import { eventually } from "../eventually.ts"
import { agrees, changesOf } from "./agreement.ts"
import { connect } from "./client.ts"
import { type Fate, losePushesToHubs, losePushesToTopics } from "./lost-calls.ts"
import { create, fed, update } from "./people.ts"

afterEach(() => vi.restoreAllMocks())
afterAll(() => abortAllDurableObjects())

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

test.each<[string, Fate[]]>([
  ["calls", ["before", "before", "before"]],
  ["answers", ["after", "after"]],
  ["some of both", ["before", "after", "before", "after"]],
])("a hub to which %s are lost misses nothing and doubles nothing", async (_, fates) => {
  const genre = newId()
  const [client, other] = [await connect(), await connect()]
  client.picture("1")
  await client.query("1", "films", { genre })
  await other.query("1", "films", { genre: newId() })
  const left = losePushesToHubs(fates)
  for (let n = 0; n < 12; n++) await create("films", { title: "", genre, stock: n })
  await eventually(() => expect(changesOf(client)).toHaveLength(12))
  expect(changesOf(client).map(({ record }) => record.stock)).toEqual(range(0, 12))
  expect(client.picture("1")).toMatchObject({ snapshots: 1, faults: [] })
  expect(left.length).toBeLessThan(fates.length)
})

test("a topic to which calls or answers are lost misses nothing and doubles nothing", async () => {
  const genre = newId()
  const client = await connect()
  client.picture("1")
  await client.query("1", "films", { genre })
  const left = losePushesToTopics(["before", "after", "before"])
  for (let n = 0; n < 12; n++) await create("films", { title: "", genre, stock: n })
  await fed()
  await eventually(() => expect(changesOf(client)).toHaveLength(12))
  expect(changesOf(client).map(({ record }) => record.stock)).toEqual(range(0, 12))
  expect(client.picture("1")).toMatchObject({ snapshots: 1, faults: [] })
  expect(left).toEqual([])
})

/** Answers to questions about a table come late; the log is as quick as ever. */
function slow(table: RegExp, ms: number): { count: number } {
  const slowed = { count: 0 }
  const open = env.DB.withSession.bind(env.DB)
  vi.spyOn(env.DB, "withSession").mockImplementation((constraint) => {
    const session = open(constraint)
    const prepare = session.prepare.bind(session)
    const batch = session.batch.bind(session)
    const late = new WeakSet<D1PreparedStatement>()
    const mark = (statement: D1PreparedStatement): D1PreparedStatement => {
      const bind = statement.bind.bind(statement)
      late.add(statement)
      slowed.count++
      for (const name of ["all", "run", "raw", "first"] as const) {
        const run = statement[name].bind(statement) as (...values: unknown[]) => Promise<unknown>
        Object.assign(statement, { [name]: (...values: unknown[]) => run(...values).finally(() => wait(ms)) })
      }
      return Object.assign(statement, { bind: (...values: unknown[]) => mark(bind(...values)) })
    }
    return Object.assign(session, {
      prepare: (sql: string) => (table.test(sql) ? mark(prepare(sql)) : prepare(sql)),
      batch: (statements: D1PreparedStatement[]) =>
        batch(statements).finally(() => (statements.some((statement) => late.has(statement)) ? wait(ms) : undefined)),
    })
  })
  return slowed
}

test("what is committed while a snapshot is on its way is in it or comes after it, once", async () => {
  const genre = newId()
  const client = await connect()
  const picture = client.picture("1")
  // the hub follows the table already
  await client.query("2", "films", { genre: newId() })
  const slowed = slow(/\bfilms\b/, 400)
  client.send({ type: "query", id: "1", collection: "films", query: { genre } })
  await wait(100)
  const insert = env.DB.prepare(
    "INSERT INTO films (id, created_at, updated_at, title, genre, stock) VALUES (?, 0, 0, '', ?, ?)",
  )
  for (let n = 0; n < 5; n++) await insert.bind(newId(), genre, n).run()
  await fed()
  await client.next({ type: "snapshot", id: "1" })
  vi.restoreAllMocks()
  await agrees(client, "1", `/v1/films?genre=${genre}`)
  expect(picture.records.size).toBe(5)
  expect(picture.snapshots).toBe(1)
  expect(slowed.count).toBeGreaterThan(0)
})

test("what is committed while a query through relations is being run is seen by the next run", async () => {
  const film = await create("films", { title: "0" })
  await create("reviews", { filmId: film.id })
  const client = await connect()
  client.picture("1")
  await client.query("1", "reviews", { filmId: film.id, expand: "film" })
  const slowed = slow(/\breviews\b/, 400)
  for (let n = 1; n <= 4; n++) {
    await update("films", film.id, { title: `${n}` })
    await wait(150)
  }
  vi.restoreAllMocks()
  await agrees(client, "1", `/v1/reviews?filmId=${film.id}&expand=film`)
  expect(slowed.count).toBeGreaterThan(0)
})
