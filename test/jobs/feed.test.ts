/** Every change reaches every sink, in order, whatever stops, repeats or fails. */

import { eq } from "drizzle-orm"
import { drizzle } from "drizzle-orm/d1"
import { sqliteTable, text } from "drizzle-orm/sqlite-core"
import { recordColumns } from "selvedge/tables"
import { beforeEach, describe, expect, test } from "vitest"
import { tableModel } from "../../src/schema/table-model.ts"
import { recordTriggers } from "../../src/schema/triggers.ts"
import * as tables from "../fixture/schema.ts"
import { createFeed, d1, emptyFeed, range, recorder, writeTeams } from "./feed-scenario.ts"

beforeEach(emptyFeed)

describe("what a sink gets", () => {
  test("is each change in the order of commits, whoever made it, with the row before and after", async () => {
    const sink = recorder("all")
    const scenario = createFeed([sink])
    const [id] = await writeTeams(["raw"])
    const db = drizzle(d1, { casing: "snake_case" })
    await db.update(tables.teams).set({ name: "drizzle" }).where(eq(tables.teams.id, id!))
    await db.delete(tables.teams).where(eq(tables.teams.id, id!))
    await scenario.feed.drain()
    const rows = sink.taken.map(({ op, before, after }) => [
      op,
      before?.name,
      before?.version,
      after?.name,
      after?.version,
    ])
    expect(rows).toEqual([
      ["insert", undefined, undefined, "raw", 1],
      ["update", "raw", 1, "drizzle", 2],
      ["delete", "drizzle", 2, undefined, undefined],
    ])
    const seqs = sink.taken.map(({ seq }) => seq)
    expect(seqs).toEqual([seqs[0], seqs[0]! + 1, seqs[0]! + 2])
    expect(sink.taken.every(({ table, recordId }) => table === "teams" && recordId === id)).toBe(true)
  })

  test("comes in pages of 500 changes", async () => {
    const sink = recorder("all")
    await writeTeams(range(1_200))
    await createFeed([sink]).feed.drain()
    expect(sink.pages.map((page) => page.length)).toEqual([500, 500, 200])
    expect(sink.titles).toEqual(range(1_200))
  })

  test("comes in pages of about 4 MB, however large a change is", async () => {
    const sink = recorder("all")
    for (const name of range(30)) await writeTeams([name.padEnd(200_000, ".")])
    await writeTeams(["x".repeat(1_500_000), "small"])
    await createFeed([sink]).feed.drain()
    expect(sink.taken).toHaveLength(32)
    expect(sink.pages.length).toBeGreaterThan(1)
    for (const page of sink.pages) expect(JSON.stringify(page).length).toBeLessThan(6_000_000)
  })

  test("is whole, also of a table as wide as D1 allows", async () => {
    const names = Array.from({ length: 96 }, (_, n) => `c${n}`)
    const columns = Object.fromEntries(names.map((name) => [name, text()]))
    const wide = sqliteTable("wide", { ...recordColumns(), ...columns })
    const created = `CREATE TABLE wide (id TEXT PRIMARY KEY NOT NULL, created_at INTEGER, updated_at INTEGER, version INTEGER DEFAULT 1, ${names.map((name) => `${name} TEXT`)}) STRICT`
    await d1.batch(
      [created, ...recordTriggers(tableModel(wide)).map((trigger) => trigger.sql)].map((s) => d1.prepare(s)),
    )
    await d1.prepare(`INSERT INTO wide (id, ${names}) VALUES ('w', ${names.map((name) => `'${name}'`)})`).run()
    await d1.prepare("UPDATE wide SET c0 = NULL, c50 = 'new', c95 = '[[1]]'").run()
    await d1.prepare("DELETE FROM wide").run()
    const sink = recorder("all")
    await createFeed([sink]).feed.drain()
    const first = Object.fromEntries(names.map((name) => [name, name]))
    const second = { ...first, c0: null, c50: "new", c95: "[[1]]" }
    expect(sink.taken.map(({ before }) => before)).toMatchObject([null, first, second] as object)
    expect(sink.taken.map(({ after }) => after)).toMatchObject([first, second, null] as object)
  })

  test("comes once, however many drain at once", async () => {
    const sink = recorder("all")
    const { feed, asked } = createFeed([sink])
    await writeTeams(range(3))
    await Promise.all([feed.drain(), feed.drain(), feed.drain()])
    expect(sink.pages.flat()).toHaveLength(3)
    const before = asked.length
    await Promise.all(range(50).map(() => feed.drain()))
    expect(asked.length - before).toBeLessThanOrEqual(4)
  })
})

describe("a drain", () => {
  test("shows what was committed before it began, also while another runs", async () => {
    const entered = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const sink = recorder("all", async () => {
      entered.resolve()
      await gate.promise
    })
    const { feed } = createFeed([sink])
    await writeTeams(["first"])
    const first = feed.drain()
    await entered.promise
    await writeTeams(["second"])
    const second = feed.drain()
    gate.resolve()
    await Promise.all([first, second])
    expect(sink.titles).toEqual(["first", "second"])
  })

  test("loses no wake that comes at the very moment at which it ends", async () => {
    const sink = recorder("all")
    const { feed } = createFeed([sink])
    for (let round = 0; round < 30; round++) {
      const running = feed.drain()
      for (let turn = 0; turn < round % 7; turn++) await Promise.resolve()
      await writeTeams([`r${round}`])
      await Promise.race([running, Promise.resolve()])
      await feed.drain()
      expect(sink.titles.at(-1)).toBe(`r${round}`)
    }
  })

  test("ends, though others keep writing and waking", async () => {
    const sink = recorder("all")
    const { feed } = createFeed([sink])
    const wakes: Promise<void>[] = []
    let endedAfter: number | undefined
    for (let n = 0; n < 100; n++) {
      await writeTeams([`w${n}`])
      wakes.push(feed.drain())
      if (n === 3)
        wakes[n]!.then(() => {
          endedAfter = wakes.length
        })
    }
    expect(endedAfter).toBeLessThan(50)
    await Promise.all(wakes)
    expect(sink.titles).toEqual(range(100, "w"))
  })

  test("of an idle feed costs one read, which the sinks share, and asks for no alarm", async () => {
    const scenario = createFeed([recorder("one"), recorder("two")])
    await writeTeams(["a"])
    await scenario.feed.drain()
    scenario.asked.length = 0
    await scenario.feed.drain()
    expect(scenario.asked.filter(({ sql }) => sql.includes("octet_length"))).toHaveLength(1)
    expect(scenario.asked).toHaveLength(2)
    expect(scenario.alarms).toEqual([])
  })
})

describe("after a stop", () => {
  test("it goes on where it was, and what comes again is passed over", async () => {
    const sink = recorder("all")
    const first = createFeed([sink])
    await writeTeams(range(700))
    await first.feed.drain()
    const store = structuredClone(first.store)
    await writeTeams(range(3, "lost"))
    await first.feed.drain()
    await writeTeams(range(5, "later"))
    const second = createFeed([sink], store)
    await second.feed.drain()
    expect(sink.pages.at(-1)).toHaveLength(8)
    expect(sink.titles).toEqual([...range(700), ...range(3, "lost"), ...range(5, "later")])
  })

  test("a sink that rests goes on resting and counting", async () => {
    let isBroken = true
    const sink = recorder("broken", () => {
      if (isBroken) throw new Error("no")
    })
    let { feed, store, now } = createFeed([sink])
    await writeTeams(["a", "b"])
    for (let failures = 1; failures <= 5; failures++) {
      await feed.drain()
      expect(feed.status()).toEqual([{ name: "broken", seq: 0, failures }])
      const same = createFeed([sink], store, now())
      await same.feed.drain()
      expect(sink.pages).toHaveLength(failures)
      expect(same.alarms).toHaveLength(1)
      ;({ feed, store, now } = createFeed([sink], store, same.alarms[0]))
    }
    isBroken = false
    await feed.drain()
    expect(sink.titles).toEqual(["a", "b"])
    expect(feed.status()).toMatchObject([{ failures: 0 }])
  })
})
