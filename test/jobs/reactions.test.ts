/** Reactions: a job for each change, with the record before and after, in order. */

import { env } from "cloudflare:workers"
import { eq, sql } from "drizzle-orm"
import { drizzle } from "drizzle-orm/d1"
import { beforeEach, describe, expect, test } from "vitest"
import { films } from "../../app/schema.ts"
import { type Backend, on, type RecordChange } from "../../src/index.ts"
import { collectDeclarations } from "../../src/jobs/declarations.ts"
import { newId } from "../../src/tables.ts"
import { openFeed } from "../../src/worker/background.ts"
import { backend } from "../fixture/backend.ts"
import { createScenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"
import { createJobScenario, type JobScenario } from "./scenario.ts"

beforeEach(async () => {
  for (const d1 of [env.DB, env.FIXTURE])
    await d1.batch(["_jobs", "_sinks", "_changes"].map((table) => d1.prepare(`DELETE FROM ${table}`)))
})

const FILM = { title: "Alien", priceCents: 999, stock: 1 }
type FilmChange = RecordChange<typeof films>

async function newFilm(scenario: JobScenario): Promise<string> {
  const service = await scenario.as("service")
  const { body } = await service.post("/v1/films", { body: { ...FILM, title: newId() } })
  return body.id
}

/** Lets the feed and the jobs go on at the next time at which something is due. */
async function later(scenario: JobScenario, ms: number): Promise<void> {
  scenario.advance(ms)
  await scenario.work.background.feed.wake()
  await scenario.run()
}

describe("the changes of one record", () => {
  test("come in order, also when the messages of their jobs don't", async () => {
    const seen: unknown[] = []
    const scenario = createJobScenario([on(films, ["updated"], ({ after }) => seen.push(after!.stock))])
    const id = await newFilm(scenario)
    const service = await scenario.as("service")
    for (const stock of [10, 11, 12, 13]) await service.patch(`/v1/films/${id}`, { body: { stock } })
    await newFeed(scenario).drain()
    scenario.work.messages.reverse()
    await scenario.settled()
    for (let turn = 0; turn < 5; turn++) await later(scenario, 31_000)
    expect(seen).toEqual([10, 11, 12, 13])
  })

  test("wait for one that is tried again, and not for one that is dead", async () => {
    const seen: unknown[] = []
    const reaction = on(
      films,
      ["updated"],
      ({ after }) => {
        seen.push(after!.stock)
        if (after!.stock === 10) throw new Error("not this one")
      },
      { retries: 1, backoff: () => 60_000 },
    )
    const scenario = createJobScenario([reaction])
    const [id, other] = [await newFilm(scenario), await newFilm(scenario)]
    const service = await scenario.as("service")
    for (const stock of [10, 11]) await service.patch(`/v1/films/${id}`, { body: { stock } })
    await service.patch(`/v1/films/${other}`, { body: { stock: 50 } })
    await scenario.run()
    expect(seen).toEqual([10, 50])
    await later(scenario, 80_000)
    await later(scenario, 31_000)
    expect(seen).toEqual([10, 50, 10, 11])
    expect((await scenario.jobs("on:films:updated")).map(({ state }) => state)).toEqual([
      "dead",
      "succeeded",
      "succeeded",
    ])
  })

  test("cost no messages while they wait for an earlier one, and run when that has ended", async () => {
    const seen: unknown[] = []
    const reaction = on(
      films,
      ["updated"],
      ({ after }) => {
        seen.push(after!.stock)
        if (after!.stock === 10 && seen.length === 1) throw new Error("not yet")
      },
      { backoff: () => 3_600_000 },
    )
    const scenario = createJobScenario([reaction])
    const id = await newFilm(scenario)
    const service = await scenario.as("service")
    for (const stock of [10, 11, 12]) await service.patch(`/v1/films/${id}`, { body: { stock } })
    await scenario.run()
    scenario.advance(40_000)
    const next = await scenario.work.tick()
    expect(scenario.work.messages).toEqual([])
    expect(next).toBeGreaterThan(scenario.now())
    await later(scenario, 5_000_000)
    expect(seen).toEqual([10, 10, 11, 12])
  })
})

/** A feed of its own over the scenario's database. */
function newFeed(scenario: JobScenario, d1 = env.DB) {
  const stored = new Map<string, unknown>()
  return openFeed(
    { ...scenario.work.background, d1 },
    {
      store: { get: <V>(key: string) => stored.get(key) as V | undefined, put: (key, value) => stored.set(key, value) },
      wakeAt: async () => {},
    },
  )
}

test("two feeds that start at once make the job of each change once", async () => {
  const scenario = createJobScenario([on(films, ["created"], () => {}), on(films, ["created", "deleted"], () => {})])
  for (let n = 0; n < 12; n++) await newFilm(scenario)
  const feeds = [newFeed(scenario), newFeed(scenario), newFeed(scenario)]
  await Promise.all(feeds.map((feed) => feed.drain()))
  await newFilm(scenario)
  for (let round = 0; round < 3; round++) {
    scenario.advance(1_000)
    await Promise.all(feeds.map((feed) => feed.drain()))
  }
  for (const name of ["on:films:created", "on:films:created+deleted"]) {
    const seqs = (await scenario.jobs(name)).map(({ input }) => input.seq)
    expect(new Set(seqs).size).toBe(13)
    expect(seqs).toHaveLength(13)
  }
  expect(feeds.map((feed) => feed.status()[0]!.failures)).toEqual([0, 0, 0])
})

test("lost messages are found 30 s later, because the clock was told", async () => {
  const seen: string[] = []
  const scenario = createJobScenario([on(films, ["created"], ({ id }) => seen.push(id))])
  const id = await newFilm(scenario)
  scenario.work.alarms.length = 0
  scenario.work.background.dispatch.state.clockWakesAt = 0
  await newFeed(scenario).drain()
  expect(scenario.work.alarms).toEqual([scenario.now() + 30_000])
  scenario.work.messages.length = 0
  await later(scenario, 30_000)
  expect(seen).toEqual([id])
})

test("a change that nobody reacts to writes nothing", async () => {
  const scenario = createJobScenario([on(films, ["deleted"], () => {})])
  await newFilm(scenario)
  const asked: string[] = []
  const d1 = {
    withSession: (constraint: string) => {
      const session = env.DB.withSession(constraint)
      return {
        batch: (statements: D1PreparedStatement[]) => session.batch(statements),
        prepare: (query: string) => {
          asked.push(query)
          return session.prepare(query)
        },
      }
    },
  } as unknown as D1Database
  await newFeed(scenario, d1).drain()
  expect(asked.length).toBeGreaterThan(0)
  expect(asked.filter((query) => !query.startsWith("SELECT"))).toEqual([])
  expect(await env.DB.prepare("SELECT count(*) AS n FROM _sinks").first("n")).toBe(0)
})

test("a change that can't be made a job of is a dead letter, which an admin hands over again", async () => {
  const seen: FilmChange[] = []
  const scenario = createJobScenario([on(films, ["updated"], (change) => seen.push(change))])
  const ids = [await newFilm(scenario), await newFilm(scenario), await newFilm(scenario)]
  await env.DB.prepare(
    `CREATE TRIGGER poison BEFORE INSERT ON _jobs WHEN NEW.name = 'on:films:updated' AND NEW.input LIKE '%${ids[1]}%'
BEGIN SELECT RAISE(ABORT, 'poisoned'); END`,
  ).run()
  const service = await scenario.as("service")
  for (const id of ids) await service.patch(`/v1/films/${id}`, { body: { stock: 7 } })
  for (let failures = 0; failures <= 10; failures++) await later(scenario, 31_000)
  expect(seen.map(({ id }) => id)).toEqual([ids[0], ids[2]])
  const [letter, ...others] = await scenario.jobs("feed:reactions")
  expect([letter!.state, others]).toEqual(["dead", []])
  expect(letter!.errors[0]!.message).toContain("poisoned")
  await env.DB.prepare("DROP TRIGGER poison").run()
  const retried = await service.post(`/v1/admin/jobs/${letter!.id}/retry`, { body: {} })
  expect(retried.status, retried.text).toBe(200)
  await scenario.run()
  expect(seen.at(-1)).toMatchObject({ event: "updated", id: ids[1], before: { stock: 1 }, after: { stock: 7 } })
  expect(await scenario.job(letter!.id)).toMatchObject({ state: "succeeded" })
})

describe("what a reaction sees", () => {
  const seen: RecordChange<typeof tables.notes>[] = []
  const reaction = on(tables.notes, ["created", "updated", "deleted"], (change) => seen.push(change))
  const scenario = createScenario({ ...backend, jobs: collectDeclarations([reaction]) } as Backend, env.FIXTURE)
  const settled = async () => {
    await scenario.work.background.feed.wake()
    await scenario.settled()
  }
  const shown = async (id: string) => {
    const { body } = await (await scenario.as("service")).get(`/v1/notes/${id}`)
    return body
  }

  beforeEach(() => {
    seen.length = 0
  })

  test("is the record as the API shows it, before and after, whatever its columns hold", async () => {
    const service = await scenario.as("service")
    const values = {
      title: 'quotes " and \\ and 😀',
      body: null,
      rank: -3,
      score: 0.1,
      done: true,
      dueAt: "1969-12-31T23:59:59.999Z",
      seenAt: "2026-01-31T12:00:00.000Z",
      big: "9007199254740993",
      tags: ["a", 1, true],
      data: "_-8A",
      mood: "good",
    }
    const { body: made } = await service.post("/v1/notes", { body: values })
    const first = await shown(made.id)
    const cleared = { rank: 0, done: false, dueAt: null, big: null, tags: null, data: null, mood: null }
    await service.patch(`/v1/notes/${made.id}`, { body: cleared })
    const second = await shown(made.id)
    await service.delete(`/v1/notes/${made.id}`)
    await settled()
    expect(first).toMatchObject(values)
    expect(seen.map(({ event, id }) => [event, id])).toEqual(
      ["created", "updated", "deleted"].map((event) => [event, made.id]),
    )
    expect(seen.map(({ before }) => before)).toMatchObject([null, first, second] as object)
    expect(seen.map(({ after }) => after)).toMatchObject([first, second, null] as object)
    expect(seen[1]!.seq).toBe(seen[0]!.seq + 1)
  })

  test("is there for raw SQL, Drizzle and rows that a foreign key changes", async () => {
    const db = drizzle(env.FIXTURE, { casing: "snake_case" })
    const [project, note] = [newId(), newId()]
    await db.insert(tables.projects).values({ id: project, name: "p" })
    await db.insert(tables.notes).values({ id: note, title: "one", projectId: project, tags: ["x"], done: true })
    await db.run(sql`UPDATE notes SET title = 'two' WHERE id = ${note}`)
    await db.delete(tables.projects).where(eq(tables.projects.id, project))
    await settled()
    expect(seen.map(({ event, before, after }) => [event, before?.title, after?.title, after?.projectId])).toEqual([
      ["created", undefined, "one", project],
      ["updated", "one", "two", project],
      ["updated", "two", "two", null],
    ])
    expect(seen.map(({ after }) => [after!.version, after!.tags, after!.done])).toEqual(
      [1, 2, 3].map((version) => [version, ["x"], true]),
    )
  })
})
