import { sql } from "drizzle-orm"
import {
  type AnySQLiteColumn,
  check,
  foreignKey,
  index,
  integer,
  type SQLiteTable,
  sqliteTable,
  text,
} from "drizzle-orm/sqlite-core"
import { describe, expect, test } from "vitest"
import { checkStatement } from "../../scripts/migrate/checks.ts"
import { EMPTY } from "../../scripts/migrate/table-schema.ts"
import { recordColumns } from "../../src/schema/record-columns.ts"
import { type Options, plan, type Schema } from "./migrate-fixture.ts"

const films = sqliteTable("films", { ...recordColumns(), title: text(), year: integer() })
const retitled = sqliteTable("films", { ...recordColumns(), title: text(), releaseYear: integer() })
const movies = sqliteTable("movies", { ...recordColumns(), title: text(), year: integer() })

/** The message of the refusal on the way from one schema to the other. */
async function refusal(before: SQLiteTable[] | undefined, after: Schema, options?: Options): Promise<string> {
  const previous = before ? (await plan(EMPTY, { tables: before })).snapshot : EMPTY
  try {
    return `none: ${(await plan(previous, after, options)).statements.join(";\n")}`
  } catch (error) {
    return (error as Error).message
  }
}

describe("what may be a rename is asked for", () => {
  test("with the command for either answer", async () => {
    expect(await refusal([films], { tables: [retitled] })).toBe(
      "films: column year is gone and release_year is new, which may be a rename; to keep the values run npm run migrate -- NAME --rename films.year:release_year, to drop them run npm run migrate -- NAME --drop",
    )
    expect(await refusal([films], { tables: [movies] })).toBe(
      "the schema: table films is gone and movies is new, which may be a rename; to keep the values run npm run migrate -- NAME --rename films:movies, to drop them run npm run migrate -- NAME --drop",
    )
  })

  test("and either answer is taken, in keys or SQL names", async () => {
    for (const rename of ["films.year:releaseYear", "films.year:release_year"]) {
      expect(await refusal([films], { tables: [retitled] }, { renames: [rename] })).toContain('RENAME COLUMN "year" TO')
    }
    expect(await refusal([films], { tables: [retitled] }, { drop: true })).toContain('DROP COLUMN "year"')
    expect(await refusal([films], { tables: [movies] }, { renames: ["films:movies"] })).toContain('RENAME TO "movies"')
    expect(await refusal([films], { tables: [movies] }, { drop: true })).toContain('DROP TABLE "films"')
  })

  test.each([
    ["films.yer:releaseYear", "there is no column yer; choose from id,"],
    ["films.year:released", "there is no column released; choose from id,"],
    ["film.year:releaseYear", "there is no table film; choose from _users,"],
    ["films.title:releaseYear", "the column title is still in the schema"],
    ["films.year:title", "the column title was there before"],
    ["films.year", "it can't be read; write table.old:new"],
  ])("%s is refused", async (rename, message) => {
    expect(await refusal([films], { tables: [retitled] }, { renames: [rename] })).toContain(
      `--rename ${rename}: ${message}`,
    )
  })
})

describe("a loss is refused", () => {
  test("a column that is not null needs a default for the rows that are there", async () => {
    const rated = sqliteTable("films", {
      ...recordColumns(),
      title: text(),
      year: integer(),
      rating: integer().notNull(),
    })
    expect(await refusal([films], { tables: [rated] })).toBe(
      "films.rating: the rows that are there would have no value for a new column that is not null; give it a .default(…), or add it nullable, backfill it, and make it .notNull() in a later migration",
    )
  })

  test("a table that another still refers to can't go", async () => {
    const reviews = sqliteTable("reviews", { ...recordColumns(), filmId: text().references(() => films.id) })
    expect(await refusal([films, reviews], { tables: [reviews] })).toContain(
      "reviews.film_id: it refers to films, which is not (or no longer) a table of the schema",
    )
  })

  test("restrict in a circle of keys can't be rebuilt", async () => {
    const parts = (year: "text" | "integer") => {
      const table = sqliteTable("parts", {
        ...recordColumns(),
        year: year === "text" ? text() : integer(),
        wholeId: text().references((): AnySQLiteColumn => table.id, { onDelete: "restrict" }),
      })
      return table
    }
    expect(await refusal([parts("text")], { tables: [parts("integer")] })).toContain(
      "parts.whole_id: the table would have",
    )
  })

  test("tables that refer to each other can't be dropped at once", async () => {
    const a = sqliteTable("a", { ...recordColumns(), b: text().references((): AnySQLiteColumn => b.id) })
    const b = sqliteTable("b", { ...recordColumns(), a: text().references((): AnySQLiteColumn => a.id) })
    expect(await refusal([a, b, films], { tables: [films] })).toContain("take the foreign keys away in one migration")
  })
})

describe("what D1 can't hold or would misread is refused", () => {
  const columns = (extra: Record<string, ReturnType<typeof text>>) =>
    sqliteTable("films", { ...recordColumns(), ...extra })

  test.each(["end", "begin", "case"])("a column named %s", async (word) => {
    expect(await refusal(undefined, { tables: [columns({ [word]: text() })] })).toBe(
      `films.${word}: D1 cuts a trigger in two at the word "${word}"; give it another name in SQL, such as text("${word}_value")`,
    )
    expect(await refusal(undefined, { tables: [columns({ [word]: text("said") })] })).toMatch(/^none/)
  })

  test("a name that needs escaping", async () => {
    expect(await refusal(undefined, { tables: [columns({ odd: text("o'dd") })] })).toContain("films.o'dd: the name")
  })

  test("two tables or indexes with one name", async () => {
    const twice = sqliteTable("films", { ...recordColumns() })
    expect(await refusal(undefined, { tables: [films, twice] })).toContain("films: two tables have this name")
    const clash = sqliteTable("loans", { ...recordColumns(), on: text() }, (t) => [index("Films").on(t.on)])
    expect(await refusal(undefined, { tables: [films, clash] })).toContain("Films: two tables or indexes")
  })

  test("a reference to what isn't unique", async () => {
    const loans = sqliteTable("loans", { ...recordColumns(), title: text() }, (t) => [
      foreignKey({ columns: [t.title], foreignColumns: [films.title] }),
    ])
    expect(await refusal(undefined, { tables: [films, loans] })).toContain(
      "loans.title: it refers to films.title, which is not unique",
    )
  })

  test("CASE and a parameter in a check", async () => {
    const cased = sqliteTable("films", { ...recordColumns(), year: integer() }, (t) => [
      check("c", sql`case when ${t.year} > 1 then 1 else 0 end`),
    ])
    expect(await refusal(undefined, { tables: [cased] })).toContain("use iif(…) instead of CASE")
    const bound = sqliteTable("films", { ...recordColumns(), year: integer() }, (t) => [
      check("c", sql`${t.year} > ${1800}`),
    ])
    expect(await refusal(undefined, { tables: [bound] })).toContain(
      "films (check c): SQL in a schema can't carry a parameter",
    )
  })

  test.each([
    ["CREATE TABLE a (b TEXT REFERENCES c DEFERRABLE INITIALLY DEFERRED) STRICT", "leave DEFERRABLE out"],
    ["INSERT OR REPLACE INTO a VALUES (1)", "ON CONFLICT … DO UPDATE"],
    ["replace into a values (1)", "ON CONFLICT … DO UPDATE"],
    ["CREATE TRIGGER t AFTER INSERT ON a begin SELECT 1; end", "splits a file at begin, end"],
    ["CREATE TRIGGER t AFTER INSERT ON a\r\nBEGIN SELECT 1; END", "carriage return"],
  ])("%s", (statement, mend) => {
    expect(() => checkStatement(statement)).toThrow(mend)
    expect(() => checkStatement(`SELECT 'deferrable or replace into case'`)).not.toThrow()
  })
})
