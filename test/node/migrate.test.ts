import { sql } from "drizzle-orm"
import {
  type AnySQLiteColumn,
  check,
  index,
  integer,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core"
import { afterAll, describe, expect, test } from "vitest"
import { recordColumns } from "../../src/schema/record-columns.ts"
import { type Evolving, startD1 } from "./migrate-fixture.ts"

const d1 = startD1()
afterAll(() => d1.stop())

const directors = sqliteTable("directors", { ...recordColumns(), name: text().notNull(), born: text() })

const films = sqliteTable(
  "films",
  {
    ...recordColumns(),
    title: text().notNull(),
    year: integer(),
    notes: text(),
    directorId: text().references(() => directors.id, { onDelete: "cascade" }),
    sequelOf: text(),
  },
  (t) => [index("films_by_year").on(t.year, t.id), check("year_sane", sql`${t.year} > 1800`)],
)

const reviews = sqliteTable("reviews", {
  ...recordColumns(),
  filmId: text()
    .notNull()
    .references(() => films.id, { onDelete: "cascade" }),
  body: text().notNull(),
})

const search = { films: ["title"], reviews: ["body"] }

/** Two directors, three films, three reviews; rowids don't follow each other. */
async function shop(): Promise<Evolving> {
  const shop = await d1.evolving()
  await shop.migrate({ tables: [directors, films, reviews], search })
  const row = "created_at, updated_at, version"
  await shop.run(
    `INSERT INTO directors (id, ${row}, name, born) VALUES ('d1', 1, 1, 7, 'Varda', '1928'), ('d2', 1, 1, 1, 'Tati', NULL)`,
  )
  await shop.run(
    `INSERT INTO films (rowid, id, ${row}, title, year, notes, director_id) VALUES
      (3, 'f3', 1, 1, 1, 'Vagabond', 1985, 'x', 'd1'), (40, 'f1', 1, 1, 4, 'Cléo from 5 to 7', 1962, 'y', 'd1'),
      (70, 'f2', 1, 1, 1, 'Playtime', 1967, NULL, 'd2')`,
  )
  await shop.run(
    `INSERT INTO reviews (rowid, id, ${row}, film_id, body) VALUES (5, 'r1', 1, 1, 2, 'f1', 'luminous'), (9, 'r2', 1, 1, 1, 'f2', 'glass and steel'), (6, 'r3', 1, 1, 1, 'f3', 'cold')`,
  )
  return shop
}

const everything = (shop: Evolving) =>
  Promise.all(["directors", "films", "reviews"].map((name) => shop.rows(`SELECT * FROM ${name} ORDER BY id`)))

/** A write to each table, seen in `_changes` with the columns of now, and in search. */
async function expectAlive(shop: Evolving): Promise<void> {
  const film = (await everything(shop))[1]![0]!
  const title = film.title === undefined ? "name" : "title"
  const last = await shop.lastSeq()
  await shop.run(`UPDATE films SET ${title} = 'Daguerréotypes' WHERE id = 'f1'`)
  const moved = { version: Number(film.version) + 1, updated_at: expect.any(Number) }
  const tags = film.tags === undefined ? {} : { tags: JSON.parse(String(film.tags)) }
  expect(await shop.changes(last)).toEqual([
    {
      op: "update",
      table: "films",
      id: "f1",
      before: { id: "f1", version: film.version, updated_at: film.updated_at, [title]: film[title] },
      after: { ...film, ...tags, ...moved, [title]: "Daguerréotypes" },
    },
  ])
  expect((await everything(shop))[1]![0]).toEqual({ ...film, ...moved, [title]: "Daguerréotypes" })
  const found = (words: string) =>
    shop.rows(`SELECT f.id FROM films_fts JOIN films f ON f.rowid = films_fts.rowid WHERE films_fts MATCH '${words}'`)
  expect(await found("daguerreo*")).toEqual([{ id: "f1" }])
  expect(await found("playtime")).toEqual([{ id: "f2" }])
  await shop.run(`UPDATE films SET ${title} = ? WHERE id = 'f1'`, film[title])
  expect(await found("daguerreo*")).toEqual([])
}

async function expectCascade(shop: Evolving): Promise<void> {
  const last = await shop.lastSeq()
  await shop.run("DELETE FROM directors WHERE id = 'd1'")
  const [restDirectors, restFilms, restReviews] = await everything(shop)
  expect([restDirectors, restFilms, restReviews].map((rows) => rows!.map((row) => row.id))).toEqual([
    ["d2"],
    ["f2"],
    ["r2"],
  ])
  const deleted = (await shop.changes(last)).map((change) => `${change.op} ${change.table} ${change.id}`)
  expect(deleted.sort()).toEqual([
    "delete directors d1",
    "delete films f1",
    "delete films f3",
    "delete reviews r1",
    "delete reviews r3",
  ])
}

describe("a database with rows", () => {
  test("goes through add, rename, drop, retype and rebuild with all rows, triggers and search", async () => {
    const db = await shop()
    await expectAlive(db)
    let [d, f, r] = await everything(db)
    const expectRows = async (director: object, film: object) => {
      d = d!.map((row) => ({ ...row, ...director }))
      f = f!.map((row) => ({ ...row, ...film }))
      f = f.map((row) =>
        row.id === "f1" ? { ...row, version: expect.any(Number), updated_at: expect.any(Number) } : row,
      )
      expect(await everything(db)).toEqual([d, f, r])
      await expectAlive(db)
    }

    const added = sqliteTable(
      "films",
      {
        ...recordColumns(),
        title: text().notNull(),
        genre: text().notNull().default("it's; none"),
        tags: text({ mode: "json" }).$type<string[]>().notNull().default(["it's"]),
        year: integer(),
        notes: text(),
        directorId: text().references(() => directors.id, { onDelete: "cascade" }),
        sequelOf: text(),
        editorId: text().references(() => directors.id),
      },
      (t) => [
        index("films_by_year").on(t.year, t.id),
        uniqueIndex("films_once").on(t.title, t.year).where(sql`${t.year} is not null`),
        check("year_sane", sql`${t.year} > 1800`),
      ],
    )
    await db.migrate({ tables: [directors, added, reviews], search })
    await expectRows({}, { genre: "it's; none", tags: `["it's"]`, editor_id: null })

    const renamedFilms = (to: typeof directors | typeof directorsRetyped) =>
      sqliteTable(
        "films",
        {
          ...recordColumns(),
          name: text().notNull(),
          genre: text().notNull().default("it's; none"),
          tags: text({ mode: "json" }).$type<string[]>().notNull().default(["it's"]),
          releaseYear: integer(),
          directorId: text().references(() => to.id, { onDelete: "cascade" }),
          sequelOf: text(),
          editorId: text().references(() => to.id),
        },
        (t) => [
          index("films_by_year").on(t.releaseYear, t.id),
          uniqueIndex("films_once").on(t.name, t.releaseYear).where(sql`${t.releaseYear} is not null`),
          check("year_sane", sql`${t.releaseYear} > 1800`),
        ],
      )
    const byName = { films: ["name"], reviews: ["body"] }
    const renamed = await db.migrate(
      { tables: [directors, renamedFilms(directors), reviews], search: byName },
      { renames: ["films.title:name", "films.year:releaseYear"] },
    )
    expect(renamed.statements.filter((statement) => /TABLE "(directors|films)"/.test(statement))).toEqual([
      'ALTER TABLE "films" RENAME COLUMN "title" TO "name"',
      'ALTER TABLE "films" RENAME COLUMN "year" TO "release_year"',
      'ALTER TABLE "films" DROP COLUMN "notes"',
    ])
    f = f!.map(({ title: name, year: release_year, notes: _, ...row }) => ({ ...row, name, release_year }))
    await expectRows({}, {})

    const directorsRetyped = sqliteTable("directors", {
      ...recordColumns(),
      name: text().notNull().unique(),
      born: integer(),
    })
    const retyped = await db.migrate({
      tables: [directorsRetyped, renamedFilms(directorsRetyped), reviews],
      search: byName,
    })
    expect(retyped.notes.join(" ")).toContain("rebuilds directors")
    d = d!.map((row) => ({ ...row, born: row.born === null ? null : Number(row.born) }))
    await expectRows({}, {})

    const rebuilt = sqliteTable(
      "films",
      {
        ...recordColumns(),
        name: text().notNull(),
        genre: text().notNull(),
        tags: text({ mode: "json" }).$type<string[]>().notNull().default([]),
        releaseYear: real().notNull(),
        length: integer().notNull().default(90),
        directorId: text().references(() => directorsRetyped.id, { onDelete: "cascade" }),
        sequelOf: text().references((): AnySQLiteColumn => rebuilt.id, { onDelete: "set null" }),
      },
      (t) => [check("year_sane", sql`${t.releaseYear} > 1800 and ${t.name} <> 'films."name"; x'`)],
    )
    await db.migrate({ tables: [directorsRetyped, rebuilt, reviews], search: byName }, { drop: true })
    f = f!.map(({ editor_id: _, ...row }) => row)
    await expectRows({}, { length: 90 })
    await expectCascade(db)
  })
})
