import { blob, integer, real, type SQLiteColumnBuilderBase, sqliteTable, text } from "drizzle-orm/sqlite-core"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import { guard } from "../../src/db/guard.ts"
import { bigint, recordColumns } from "../../src/schema/record-columns.ts"
import { type Evolving, startD1 } from "./migrate-fixture.ts"

const d1 = startD1()
afterAll(() => d1.stop())

const directors = sqliteTable("directors", { ...recordColumns(), name: text().notNull().unique() })
const films = sqliteTable("films", {
  ...recordColumns(),
  title: text().notNull(),
  year: integer(),
  directorId: text().references(() => directors.id, { onDelete: "cascade" }),
})
const loans = sqliteTable("loans", {
  ...recordColumns(),
  filmId: text().references(() => films.id, { onDelete: "set null" }),
})
const tables = [directors, films, loans]

let db: Evolving
beforeEach(async () => {
  db = await d1.evolving()
  await db.migrate({ tables })
  await db.run(
    "INSERT INTO directors (id, created_at, updated_at, name) VALUES ('d1', 1, 1, 'Varda'), ('d2', 1, 1, 'Tati')",
  )
  await db.run(
    "INSERT INTO films (id, created_at, updated_at, title, director_id) VALUES ('f1', 1, 1, 'Cléo', 'd1'), ('f2', 1, 1, 'Vagabond', 'd1')",
  )
  await db.run("INSERT INTO loans (id, created_at, updated_at, film_id) VALUES ('l1', 1, 1, 'f1')")
})

const now = expect.any(Number)

describe("a change is written", () => {
  test("for every inserted row, whole", async () => {
    expect(await db.changes(4)).toEqual([
      {
        op: "insert",
        table: "loans",
        id: "l1",
        before: null,
        after: { id: "l1", created_at: 1, updated_at: 1, version: 1, film_id: "f1" },
      },
    ])
    expect((await db.changes()).map((change) => change.id)).toEqual(["d1", "d2", "f1", "f2", "l1"])
  })

  test("once for every row of a raw update, with the old version in before and the new one in after", async () => {
    const last = await db.lastSeq()
    await db.run("UPDATE films SET year = 1962")
    const changes = await db.changes(last)
    expect(changes.map((change) => change.id)).toEqual(["f1", "f2"])
    expect(changes[0]).toEqual({
      op: "update",
      table: "films",
      id: "f1",
      before: { id: "f1", version: 1, updated_at: 1, year: null },
      after: { id: "f1", created_at: 1, updated_at: now, version: 2, title: "Cléo", year: 1962, director_id: "d1" },
    })
    const rows = await db.rows("SELECT * FROM films ORDER BY id")
    expect(rows).toEqual(changes.map((change) => change.after))
  })

  test("with the version that the update itself sets", async () => {
    const last = await db.lastSeq()
    await db.run("UPDATE films SET year = 1962, version = version + 1, updated_at = 77 WHERE id = 'f1'")
    const [change, ...none] = await db.changes(last)
    expect(none).toEqual([])
    expect(change).toMatchObject({ before: { version: 1 }, after: { version: 2, updated_at: 77 } })
    expect(await db.rows("SELECT version, updated_at FROM films WHERE id = 'f1'")).toEqual([
      { version: 2, updated_at: 77 },
    ])
  })

  test("for an upsert, as the insert or the update that it was", async () => {
    const last = await db.lastSeq()
    const upsert =
      "INSERT INTO directors (id, created_at, updated_at, name) VALUES (?, 5, 5, ?) ON CONFLICT (name) DO UPDATE SET created_at = excluded.created_at"
    await db.run(upsert, "d9", "Tati")
    await db.run(upsert, "d3", "Akerman")
    expect(await db.changes(last)).toMatchObject([
      {
        op: "update",
        id: "d2",
        before: { created_at: 1, version: 1 },
        after: { created_at: 5, version: 2, name: "Tati" },
      },
      { op: "insert", id: "d3", before: null, after: { version: 1, name: "Akerman" } },
    ])
  })

  test("for children of a cascade and of SET NULL", async () => {
    const last = await db.lastSeq()
    await db.run("DELETE FROM directors WHERE id = 'd1'")
    const changes = await db.changes(last)
    expect(changes.map((change) => `${change.op} ${change.id}`).sort()).toEqual([
      "delete d1",
      "delete f1",
      "delete f2",
      "update l1",
    ])
    expect(changes.find((change) => change.id === "f1")).toMatchObject({
      before: { title: "Cléo", version: 1 },
      after: null,
    })
    expect(changes.find((change) => change.id === "l1")).toMatchObject({
      before: { film_id: "f1", version: 1 },
      after: { film_id: null, version: 2 },
    })
    expect(await db.rows("SELECT version FROM loans")).toEqual([{ version: 2 }])
  })
})

describe("no change is written", () => {
  test("when nothing alters, and the version stands still", async () => {
    const last = await db.lastSeq()
    await db.run("UPDATE films SET title = title, year = NULL")
    await db.run(
      "INSERT INTO directors (id, created_at, updated_at, name) VALUES ('d9', 1, 1, 'Tati') ON CONFLICT DO NOTHING",
    )
    expect(await db.changes(last)).toEqual([])
    expect(await db.rows("SELECT DISTINCT version FROM films")).toEqual([{ version: 1 }])
  })

  test("when the batch fails", async () => {
    const last = await db.lastSeq()
    const batch = ["UPDATE films SET year = 1", guard("'forbidden'", []).sql].map((sql) => db.db.prepare(sql))
    await expect(db.db.batch(batch)).rejects.toThrow("SELVEDGE:forbidden")
    expect(await db.changes(last)).toEqual([])
    expect(await db.rows("SELECT DISTINCT version FROM films")).toEqual([{ version: 1 }])
  })

  test("by a guard that passes", async () => {
    await db.db.batch([db.db.prepare(guard("SELECT 'forbidden' WHERE 0", []).sql)])
  })
})

test("a table of 96 columns keeps its changes whole, in every kind of column", async () => {
  const kinds: (() => SQLiteColumnBuilderBase)[] = [
    () => text(),
    () => integer(),
    () => real(),
    () => blob({ mode: "buffer" }),
    () => text({ mode: "json" }),
    () => bigint(),
  ]
  const columns = Object.fromEntries(Array.from({ length: 92 }, (_, i) => [`c${i}`, kinds[i % kinds.length]!()]))
  const wide = sqliteTable("wide", { ...recordColumns(), ...columns })
  await db.migrate({ tables: [...tables, wide] })
  const values = ["'text'", "7", "2.5", "X'00ff'", `'{"a":[1]}'`, "9007199254740993"]
  const names = Object.keys(columns)
  const last = await db.lastSeq()
  await db.run(
    `INSERT INTO wide (id, created_at, updated_at, ${names.join(", ")}) VALUES ('w1', 1, 1, ${names.map((_, i) => values[i % values.length]).join(", ")})`,
  )
  await db.run(`UPDATE wide SET ${names.map((name) => `${name} = NULL`).join(", ")}`)
  const logged = ["text", 7, 2.5, "00FF", { a: [1] }, "9007199254740993"]
  const full = Object.fromEntries(names.map((name, i) => [name, logged[i % logged.length]]))
  const bare = Object.fromEntries(names.map((name) => [name, null]))
  const [insert, update, ...none] = await db.changes(last)
  expect(none).toEqual([])
  expect(insert!.after).toEqual({ id: "w1", created_at: 1, updated_at: 1, version: 1, ...full })
  expect(update!.before).toEqual({ id: "w1", updated_at: 1, version: 1, ...full })
  expect(update!.after).toEqual({ id: "w1", created_at: 1, updated_at: now, version: 2, ...bare })
})

test("a JSON column takes JSON only", async () => {
  await expect(
    db.run("INSERT INTO _users (id, created_at, updated_at, roles) VALUES ('u1', 1, 1, 'staff')"),
  ).rejects.toThrow(/CHECK constraint failed: json_valid/)
})
