/** The shop's films and directors as statements. */

import { readFile } from "node:fs/promises"
import { join } from "node:path"
import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import { directors, films } from "../app/schema.ts"
import type { Movie } from "../app/seed/movie.ts"
import { seedRows } from "../app/seed/rows.ts"
import { quote } from "../src/schema/columns.ts"
import { tableModel } from "../src/schema/table-model.ts"
import { PROJECT_ROOT } from "./local-env.ts"

/** A statement's rows are one parameter, which D1 takes up to 2 MB; a film is about 500 bytes. */
const ROWS_PER_STATEMENT = 1_000
const MOVIES = "node_modules/vega-datasets/data/movies.json"

export interface Seed {
  readonly films: number
  readonly directors: number
  readonly statements: readonly D1PreparedStatement[]
}

export async function seedStatements(db: D1Database): Promise<Seed> {
  const rows = seedRows(JSON.parse(await readFile(join(PROJECT_ROOT, MOVIES), "utf8")) as Movie[])
  return {
    films: rows.films.length,
    directors: rows.directors.length,
    statements: [...insertsOf(db, directors, rows.directors), ...insertsOf(db, films, rows.films)],
  }
}

function insertsOf(db: D1Database, table: SQLiteTable, rows: readonly object[]): D1PreparedStatement[] {
  const keys = Object.keys(rows[0] ?? {})
  const sql = insertSql(table, keys)
  return Array.from({ length: Math.ceil(rows.length / ROWS_PER_STATEMENT) }, (_, chunk) => {
    const part = rows.slice(chunk * ROWS_PER_STATEMENT, (chunk + 1) * ROWS_PER_STATEMENT)
    return db.prepare(sql).bind(JSON.stringify(part.map((row) => Object.values(row))))
  })
}

function insertSql(table: SQLiteTable, keys: readonly string[]): string {
  const { name, byKey } = tableModel(table)
  const columns = keys.map((key) => quote(byKey.get(key)!.name)).join(", ")
  const values = keys.map((_, index) => `value ->> ${index}`).join(", ")
  // without its WHERE, SQLite takes ON for a join's
  return `INSERT INTO ${quote(name)} (${columns}) SELECT ${values} FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`
}
