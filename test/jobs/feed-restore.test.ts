/** A database that was put back to an earlier time, and changes that are removed because they are old. */

import { beforeEach, describe, expect, test } from "vitest"
import { KEPT_MS, PRUNE_STEP } from "../../src/changes/retention.ts"
import type { Sink } from "../../src/changes/sink.ts"
import { handOverQueries, takenUpTo } from "../../src/jobs/hand-over.ts"
import { writeJobs } from "../../src/jobs/system.ts"
import { backend } from "../fixture/backend.ts"
import { createScenario } from "../fixture/scenario.ts"
import { count, createFeed, d1, emptyFeed, type FeedScenario, range, recorder, writeTeams } from "./feed-scenario.ts"

beforeEach(emptyFeed)

const RESTORED = ["teams", "_changes", "_sinks", "_jobs", "_meta", "sqlite_sequence"]

/** @returns What puts all of it back. */
async function snapshot(): Promise<() => Promise<void>> {
  const tables = await Promise.all(
    RESTORED.map(async (table) => ({ table, rows: (await d1.prepare(`SELECT * FROM ${table}`).all()).results })),
  )
  return async () => {
    const insert = (table: string, row: Record<string, unknown>) => {
      const names = Object.keys(row)
      const values = names.map((name) => row[name])
      const sql = `INSERT INTO ${table} (${names.map((name) => `"${name}"`)}) VALUES (${names.map(() => "?")})`
      return d1.prepare(sql).bind(...values)
    }
    const withoutTeams = tables.filter(({ table }) => table !== "teams")
    await d1.batch([
      ...tables.map(({ table }) => d1.prepare(`DELETE FROM ${table}`)),
      d1.prepare("DELETE FROM _changes"),
      d1.prepare("DELETE FROM sqlite_sequence"),
      ...withoutTeams.flatMap(({ table, rows }) => rows.map((row) => insert(table, row))),
    ])
    // what is written after a restore is written later than what was lost
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function epoch(): Promise<string> {
  return (await d1.prepare("SELECT value FROM _meta WHERE key = 'epoch'").first<string>("value"))!
}

/** A sink that writes what it takes into the database, with its place. */
function stored(): Sink {
  const system = { d1 }
  return {
    name: "stored",
    async take(changes) {
      const last = changes.at(-1)!.seq
      const rows = changes.map(({ seq, after }) => ({
        sql: "INSERT INTO _jobs (id, name, state, input, max_attempts, run_at, created_at) VALUES (?, 'stored', 'succeeded', '', 1, 0, 0)",
        params: [`${after?.name} ${seq}`],
      }))
      await writeJobs(system, [...handOverQueries("stored", last, changes[0]!.seq), ...rows])
    },
    retake: async () => {},
    position: () => takenUpTo("stored", system),
  }
}

async function storedNames(): Promise<string[]> {
  const { results } = await d1.prepare("SELECT id FROM _jobs WHERE name = 'stored'").all<{ id: string }>()
  return results
    .map(({ id }) => id.split(" "))
    .sort((one, other) => Number(one[1]) - Number(other[1]))
    .map(([name]) => name!)
}

describe("after a restore", () => {
  test.each([
    ["no write", 0],
    ["fewer writes than were lost", 3],
    ["more writes than were lost", 80],
  ])("and %s there is one new epoch, and no new change is lost", async (_, writes) => {
    const sinks = [recorder("fast"), recorder("other"), stored()]
    const scenario = createFeed(sinks)
    await writeTeams(range(10, "kept"))
    await scenario.feed.drain()
    const restore = await snapshot()
    await writeTeams(range(30, "lost"))
    await scenario.feed.drain()
    const old = await epoch()
    await restore()
    expect(await epoch()).toBe(old)
    if (writes > 0) await writeTeams(range(writes, "new"))
    await Promise.all([scenario.feed.drain(), scenario.feed.drain()])
    await scenario.feed.drain()
    const renewed = await epoch()
    expect(renewed > old).toBe(true)
    expect(renewals(scenario)).toBe(1)
    await writeTeams(["last"])
    await scenario.feed.drain()
    expect(await epoch()).toBe(renewed)
    const delivered = [...range(writes, "new"), "last"]
    for (const { pages } of sinks.slice(0, 2) as ReturnType<typeof recorder>[]) {
      const names = pages.flat().map(({ after }) => after!.name)
      expect(names.slice(-delivered.length)).toEqual(delivered)
      expect(names).toHaveLength(40 + delivered.length)
    }
    expect(await storedNames()).toEqual([...range(10, "kept"), ...delivered])
  })

  test("a sink that lagged goes on from where it was", async () => {
    let isBroken = false
    const lagging = recorder("lagging", () => {
      if (isBroken) throw new Error("no")
    })
    const scenario = createFeed([recorder("fast"), lagging])
    await writeTeams(["taken"])
    await scenario.feed.drain()
    isBroken = true
    await writeTeams(range(5, "kept"))
    await scenario.feed.drain()
    const restore = await snapshot()
    await writeTeams(range(5, "lost"))
    await scenario.feed.drain()
    await restore()
    await writeTeams(range(20, "new"))
    await scenario.feed.drain()
    isBroken = false
    await scenario.settle()
    expect(lagging.titles).toEqual(["taken", ...range(5, "kept"), ...range(20, "new")])
    expect(renewals(scenario)).toBe(1)
  })

  test("of a database before its first change, all comes from the start", async () => {
    const sink = recorder("all")
    const scenario = createFeed([sink, stored()])
    const restore = await snapshot()
    await writeTeams(range(5, "lost"))
    await scenario.feed.drain()
    await restore()
    await scenario.feed.drain()
    await writeTeams(["new"])
    await scenario.feed.drain()
    expect(sink.pages.flat().map(({ after }) => after!.name)).toEqual([...range(5, "lost"), "new"])
    expect(await storedNames()).toEqual(["new"])
    expect(renewals(scenario)).toBe(1)
  })

  test("no change is removed before every sink knows of it", async () => {
    const scenario = createFeed([recorder("all")])
    await writeTeams(range(10, "kept"))
    const restore = await snapshot()
    await writeTeams(range(10, "lost"))
    await scenario.feed.drain()
    await restore()
    await writeTeams(range(20, "new"))
    scenario.advance(2 * KEPT_MS)
    await scenario.feed.prune()
    expect(await count("_changes")).toBe(30)
  })

  test("bookmarks of the old epoch are answered by the primary", async () => {
    const constraints: (string | undefined)[] = []
    const watched = new Proxy(d1, {
      get(target, key) {
        if (key === "withSession") {
          return (constraint?: string) => {
            constraints.push(constraint)
            return target.withSession(constraint)
          }
        }
        const value: unknown = Reflect.get(target, key)
        return typeof value === "function" ? value.bind(target) : value
      },
    })
    const scenario = createFeed([recorder("all")])
    const restore = await snapshot()
    const service = await createScenario(backend, watched).as("service")
    const made = await service.post("/v1/teams", { body: { name: "lost" } })
    const bookmark = made.headers.get("Selvedge-Bookmark")!
    await scenario.feed.drain()
    const read = async (headers: Record<string, string> = {}) => {
      constraints.length = 0
      const { status } = await service.get("/v1/teams", { headers })
      return [status, ...constraints]
    }
    expect(await read({ "Selvedge-Bookmark": bookmark })).toEqual([200, bookmark.split(".")[2] || "first-primary"])
    await restore()
    await scenario.feed.drain()
    expect(await read()).toEqual([200, "first-unconstrained"])
    expect(await read({ "Selvedge-Bookmark": bookmark })).toEqual([200, "first-primary"])
  })
})

function renewals({ logged }: FeedScenario): number {
  return logged.filter(({ event }) => event === "database_restored").length
}

describe("old changes", () => {
  const seqs = async () => {
    const { results } = await d1.prepare("SELECT seq FROM _changes ORDER BY seq").all<{ seq: number }>()
    return results.map(({ seq }) => seq)
  }

  test("are removed in small steps, all but the newest", async () => {
    const scenario = createFeed([recorder("all")])
    await writeTeams(range(2_500))
    await scenario.feed.drain()
    const newest = (await seqs()).at(-1)
    await scenario.feed.prune()
    expect(await seqs()).toHaveLength(2_500)
    scenario.advance(KEPT_MS + 60_000)
    scenario.asked.length = 0
    await Promise.all([scenario.feed.prune(), scenario.feed.prune()])
    expect(await seqs()).toEqual([newest])
    expect(scenario.asked.filter(({ sql }) => sql.startsWith("DELETE"))).toHaveLength(Math.ceil(2_500 / PRUNE_STEP))
    await writeTeams(["next"])
    await scenario.feed.drain()
    expect(await seqs()).toEqual([newest, newest! + 1])
    expect(renewals(scenario)).toBe(0)
  })

  test("stay for a sink that hasn't taken them", async () => {
    let isBroken = false
    const behind = recorder("behind", () => {
      if (isBroken) throw new Error("no")
    })
    const scenario = createFeed([recorder("ahead"), behind])
    await writeTeams(range(5))
    await scenario.feed.drain()
    isBroken = true
    await writeTeams(range(5, "late"))
    await scenario.feed.drain()
    scenario.advance(2 * KEPT_MS)
    await scenario.feed.prune()
    expect(await seqs()).toHaveLength(6)
    isBroken = false
    await scenario.settle()
    expect(behind.titles).toEqual([...range(5), ...range(5, "late")])
    expect(renewals(scenario)).toBe(0)
  })
})
