import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type AnySQLiteColumn, blob, integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core"
import { afterAll, expect, test } from "vitest"
import { unstable_splitSqlQuery } from "wrangler"
import { backend } from "../../app/backend.ts"
import { migrationText, readSnapshot } from "../../scripts/migrate/files.ts"
import { EMPTY } from "../../scripts/migrate/table-schema.ts"
import { recordColumns } from "../../src/schema/record-columns.ts"
import { plan, startD1 } from "./migrate-fixture.ts"

const d1 = startD1()
afterAll(() => d1.stop())

const row = "created_at, updated_at"

test("a table is renamed with its rows, its search, and the keys that lead to it", async () => {
  const db = await d1.evolving()
  const films = sqliteTable("films", { ...recordColumns(), title: text().notNull() })
  const loans = (to: typeof films | typeof movies) =>
    sqliteTable("loans", { ...recordColumns(), filmId: text().references(() => to.id, { onDelete: "cascade" }) })
  await db.migrate({ tables: [films, loans(films)], search: { films: ["title"] } })
  await db.run(`INSERT INTO films (id, ${row}, title) VALUES ('f1', 1, 1, 'Playtime')`)
  await db.run(`INSERT INTO loans (id, ${row}, film_id) VALUES ('l1', 1, 1, 'f1')`)
  const movies = sqliteTable("movies", { ...recordColumns(), name: text().notNull(), year: integer() })
  const renames = ["films:movies", "films.title:name"]
  await db.migrate({ tables: [movies, loans(movies)], search: { movies: ["name"] } }, { renames })
  expect(await db.rows("SELECT rowid FROM movies_fts WHERE movies_fts MATCH 'play*'")).toEqual([{ rowid: 1 }])
  await db.run("DELETE FROM movies")
  expect((await db.changes(2)).map((change) => `${change.op} ${change.table}`).sort()).toEqual([
    "delete loans",
    "delete movies",
  ])
})

test("a rebuilt table keeps children of every kind of key, and its own tree", async () => {
  const db = await d1.evolving()
  const schema = (code: "text" | "integer") => {
    const genres = sqliteTable("genres", {
      ...recordColumns(),
      code: code === "text" ? text() : integer(),
      above: text().references((): AnySQLiteColumn => genres.id, { onDelete: "cascade" }),
    })
    const child = (name: string, onDelete: "cascade" | "restrict" | "set null" | "no action" | "set default") =>
      sqliteTable(name, { ...recordColumns(), genreId: text().references(() => genres.id, { onDelete }) })
    const restricted = child("restricted", "restrict")
    const grandchildren = sqliteTable("grandchildren", {
      ...recordColumns(),
      a: text().references(() => restricted.id, { onDelete: "restrict" }),
      b: text().references(() => genres.id),
    })
    const others = [child("cascades", "cascade"), child("nulls", "set null"), child("defaults", "set default")]
    return { tables: [grandchildren, genres, restricted, child("plain", "no action"), ...others] }
  }
  await db.migrate(schema("text"))
  await db.run(
    `INSERT INTO genres (id, ${row}, code, above) VALUES ('leaf', 1, 1, '7', NULL), ('root', 1, 1, '8', NULL)`,
  )
  await db.run("UPDATE genres SET above = 'root' WHERE id = 'leaf'")
  for (const name of ["restricted", "plain", "cascades", "nulls", "defaults"])
    await db.run(`INSERT INTO ${name} (id, ${row}, genre_id) VALUES ('${name}', 1, 1, 'leaf'), ('none', 1, 1, NULL)`)
  await db.run(`INSERT INTO grandchildren (id, ${row}, a, b) VALUES ('g', 1, 1, 'restricted', 'root')`)
  const everything = () =>
    Promise.all(
      db.snapshot.tables.map(({ name }) => db.rows(`SELECT * FROM ${name} ORDER BY ${name === "genres" ? "id" : 1}`)),
    )
  const before = await everything()
  const { statements } = await db.migrate(schema("integer"))
  expect(statements).not.toContainEqual(expect.stringContaining("PRAGMA"))
  const retyped = before.map((rows) => rows.map((r) => (r.code ? { ...r, code: Number(r.code) } : r)))
  expect(await everything()).toEqual(retyped)
})

test("tables that refer to each other are rebuilt together", async () => {
  const db = await d1.evolving()
  const schema = (size: "text" | "real") => {
    const films = sqliteTable("films", {
      ...recordColumns(),
      posterId: text().references((): AnySQLiteColumn => images.id, { onDelete: "cascade" }),
    })
    const images = sqliteTable("images", {
      ...recordColumns(),
      size: size === "text" ? text() : real(),
      filmId: text()
        .notNull()
        .references((): AnySQLiteColumn => films.id, { onDelete: "cascade" }),
    })
    return { tables: [films, images] }
  }
  await db.migrate(schema("text"))
  await db.run(`INSERT INTO films (id, ${row}) VALUES ('f1', 1, 1)`)
  await db.run(`INSERT INTO images (id, ${row}, size, film_id) VALUES ('i1', 1, 1, '2.5', 'f1')`)
  await db.run("UPDATE films SET poster_id = 'i1'")
  const { statements } = await db.migrate(schema("real"))
  expect(statements).toContain("PRAGMA defer_foreign_keys = on")
  expect(await db.rows("SELECT f.poster_id, i.size FROM films f JOIN images i ON i.film_id = f.id")).toEqual([
    { poster_id: "i1", size: 2.5 },
  ])
})

test("a value that the new type can't hold stops the migration, and nothing is lost", async () => {
  const db = await d1.evolving()
  const films = sqliteTable("films", { ...recordColumns(), year: text() })
  const loans = sqliteTable("loans", {
    ...recordColumns(),
    filmId: text().references((): AnySQLiteColumn => films.id, { onDelete: "cascade" }),
  })
  await db.migrate({ tables: [films, loans] })
  await db.run(`INSERT INTO films (id, ${row}, year) VALUES ('f1', 1, 1, 'soon')`)
  await db.run(`INSERT INTO loans (id, ${row}, film_id) VALUES ('l1', 1, 1, 'f1')`)
  const retyped = sqliteTable("films", { ...recordColumns(), year: integer() })
  await expect(db.migrate({ tables: [retyped, loans] })).rejects.toThrow("cannot store TEXT value in INTEGER column")
  expect(await db.rows("SELECT f.year, l.id FROM films f JOIN loans l ON l.film_id = f.id")).toEqual([
    { year: "soon", id: "l1" },
  ])
})

test("text becomes a blob, a number text, and a loosened column takes null", async () => {
  const db = await d1.evolving()
  const before = sqliteTable("things", { ...recordColumns(), a: text(), b: integer(), c: text().notNull(), d: real() })
  await db.migrate({ tables: [before] })
  await db.run(`INSERT INTO things (id, ${row}, a, b, c, d) VALUES ('t1', 1, 1, 'hé', 5, 'x', 3)`)
  const after = sqliteTable("things", {
    ...recordColumns(),
    a: blob({ mode: "buffer" }),
    b: text(),
    c: text(),
    d: integer(),
  })
  await db.migrate({ tables: [after] })
  await db.run("UPDATE things SET c = NULL")
  expect(await db.rows("SELECT hex(a) AS a, b, c, d, typeof(d) AS type FROM things")).toEqual([
    { a: "68C3A9", b: "5", c: null, d: 3, type: "integer" },
  ])
})

test("search is added to rows that are there, changed, and taken away", async () => {
  const db = await d1.evolving()
  const films = sqliteTable("films", { ...recordColumns(), title: text(), plot: text() })
  await db.migrate({ tables: [films] })
  await db.run(`INSERT INTO films (id, ${row}, title, plot) VALUES ('f1', 1, 1, 'Playtime', 'glass')`)
  const find = (word: string) => db.rows(`SELECT rowid FROM films_fts WHERE films_fts MATCH '${word}'`)
  await db.migrate({ tables: [films], search: { films: ["title"] } })
  expect(await find("playtime")).toHaveLength(1)
  expect(await find("glass")).toEqual([])
  await db.migrate({ tables: [films], search: { films: ["title", "plot"] } })
  expect(await find("glass")).toHaveLength(1)
  await db.migrate({ tables: [films] })
  await expect(find("glass")).rejects.toThrow("no such table")
  await db.run("UPDATE films SET plot = 'steel'")
})

test("tables go, those that refer before those that are referred to", async () => {
  const db = await d1.evolving()
  const studios = sqliteTable("studios", { ...recordColumns(), name: text() })
  const films = sqliteTable("films", {
    ...recordColumns(),
    title: text(),
    studioId: text().references(() => studios.id, { onDelete: "cascade" }),
  })
  const cuts = sqliteTable("cuts", { ...recordColumns(), filmId: text().references(() => films.id) })
  const search = { studios: ["name"] }
  await db.migrate({ tables: [studios, films, cuts], search })
  await db.run(`INSERT INTO studios (id, ${row}, name) VALUES ('s1', 1, 1, 'Spectra')`)
  await db.run(`INSERT INTO films (id, ${row}, title, studio_id) VALUES ('f1', 1, 1, 'Playtime', 's1')`)
  await db.run(`INSERT INTO cuts (id, ${row}, film_id) VALUES ('c1', 1, 1, 'f1')`)
  const alone = sqliteTable("films", { ...recordColumns(), title: text() })
  await db.migrate({ tables: [alone] })
  expect(await db.rows("SELECT id, title FROM films")).toEqual([{ id: "f1", title: "Playtime" }])
})

test("what the engine inserts is inserted once", async () => {
  const db = await d1.evolving()
  await db.migrate({ tables: [] })
  const epoch = await db.rows("SELECT * FROM _meta")
  const { statements } = await db.migrate({ tables: [] })
  expect(statements).toEqual([])
  expect(await db.rows("SELECT * FROM _meta")).toEqual(epoch)
})

test("the shop's migrations are up to date with its schema, and split as they were meant", async () => {
  const folder = join(import.meta.dirname, "../../migrations")
  const search = [...backend.collections.values()].map(({ table, search }) => [table.name, search.map((c) => c.key)])
  const schema = { tables: backend.tables, search: Object.fromEntries(search) }
  const missing = (await plan(readSnapshot(folder), schema)).statements.map((statement) => statement.split("\n")[0])
  expect(missing, "run npm run migrate -- NAME").toEqual([])
  const first = await plan(EMPTY, schema)
  expect(unstable_splitSqlQuery(migrationText(first.statements))).toEqual(first.statements)
  expect(readFileSync(join(folder, "0001_init.sql"), "utf8")).not.toContain("\r")
})
