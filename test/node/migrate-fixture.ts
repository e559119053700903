/** Databases in a real D1 on workerd, and migrations applied to them as wrangler does. */

import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import { convertV4MiniflareOptions, Miniflare } from "miniflare"
import { expect } from "vitest"
import { unstable_splitSqlQuery } from "wrangler"
import { migrationText } from "../../scripts/migrate/files.ts"
import { type MigrationPlan, planMigration } from "../../scripts/migrate/plan.ts"
import { EMPTY, type Snapshot } from "../../scripts/migrate/table-schema.ts"
import { engineTables } from "../../src/schema/engine-tables.ts"
import { tableModel } from "../../src/schema/table-model.ts"

/** Each test takes new ones; they cost nothing before their first statement. */
const DATABASES = 1_000
const names = Array.from({ length: DATABASES }, (_, i) => `DB${i}`)

/** Leaves out what D1 and SQLite keep for themselves. */
const OWN = "m.name NOT LIKE '\\_cf%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'"

/** The parts of a D1 database that the tests use; Miniflare's own type is that of Node, not of workerd. */
export interface Database {
  prepare(sql: string): Statement
  batch(statements: Statement[]): Promise<unknown>
}

interface Statement {
  bind(...values: unknown[]): Statement
  run(): Promise<unknown>
  all<T = Row>(): Promise<{ results: T[] }>
}

export type Row = Record<string, unknown>

export interface Schema {
  tables: readonly SQLiteTable[]
  /** Keys of searched columns by the SQL name of their table. */
  search?: Readonly<Record<string, readonly string[]>>
}

export interface Options {
  renames?: readonly string[]
  drop?: boolean
}

export function startD1() {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: "export default {}",
      d1Databases: Object.fromEntries(names.map((name) => [name, name])),
    }),
  )
  const unused = [...names]
  const empty = async () => (await miniflare.getD1Database(unused.shift()!)) as unknown as Database
  return { stop: () => miniflare.dispose(), empty, evolving: async () => new Evolving(await empty(), empty) }
}

export function plan(previous: Snapshot, { tables, search = {} }: Schema, options: Options = {}) {
  const all = [...Object.values(engineTables), ...tables]
  const searched = Object.entries(search).map(([name, keys]) => {
    const model = tableModel(all.find((table) => tableModel(table).name === name)!)
    return [name, keys.map((key) => model.byKey.get(key)!)] as const
  })
  return planMigration({ previous, tables: all, search: new Map(searched), ...options })
}

/** Splits the file as D1 does, in one batch, and finds the statements that were meant. */
export async function apply(db: Database, { statements }: MigrationPlan): Promise<void> {
  if (statements.length === 0) return
  const split = unstable_splitSqlQuery(migrationText(statements))
  expect(split).toEqual(statements)
  await db.batch(split.map((sql) => db.prepare(sql)))
}

/** A database on its way through the versions of a schema. */
export class Evolving {
  snapshot: Snapshot = EMPTY
  readonly db: Database
  readonly #empty: () => Promise<Database>

  constructor(db: Database, empty: () => Promise<Database>) {
    this.db = db
    this.#empty = empty
  }

  /** Migrates; from the second time on expects what a new database would have, and that nothing else has moved. */
  async migrate(schema: Schema, options?: Options): Promise<MigrationPlan> {
    const first = this.snapshot === EMPTY
    const before = first ? [] : await this.rows("SELECT * FROM _changes")
    const migration = await plan(this.snapshot, schema, options)
    await apply(this.db, migration)
    this.snapshot = migration.snapshot
    expect((await plan(this.snapshot, schema)).statements).toEqual([])
    if (first) return migration
    expect(await this.rows("SELECT * FROM _changes")).toEqual(before)
    await this.#expectLikeNew(schema)
    return migration
  }

  async #expectLikeNew(schema: Schema): Promise<void> {
    const fresh = await this.#empty()
    await apply(fresh, await plan(EMPTY, schema))
    expect(await structure(this.db)).toEqual(await structure(fresh))
    expect(await this.rows("PRAGMA foreign_key_check")).toEqual([])
    for (const { search } of this.snapshot.tables) {
      if (search) await this.run(`INSERT INTO ${search.name} (${search.name}, rank) VALUES ('integrity-check', 1)`)
    }
  }

  async run(sql: string, ...values: unknown[]): Promise<void> {
    await this.db
      .prepare(sql)
      .bind(...values)
      .run()
  }

  rows(sql: string): Promise<Row[]> {
    return rowsOf(this.db, sql)
  }

  /** Changes since `seq`, as a reader of the log puts them together. */
  async changes(after = 0) {
    const rows = await this.rows(`SELECT * FROM _changes WHERE seq > ${after} ORDER BY seq`)
    return rows.map((row) => ({
      op: row.op,
      table: row.table_name,
      id: row.record_id,
      before: merged(row.before),
      after: merged(row.after),
    }))
  }

  async lastSeq(): Promise<number> {
    return Number((await this.rows("SELECT coalesce(max(seq), 0) AS seq FROM _changes"))[0]!.seq)
  }
}

function merged(json: unknown): Row | null {
  return json === null ? null : Object.assign({}, ...[JSON.parse(String(json))].flat(3))
}

/** Everything about the tables but the order of columns and the wording of their SQL. */
async function structure(db: Database) {
  const objects = await rowsOf(db, `SELECT type, name, sql FROM sqlite_master m WHERE ${OWN}`)
  const columns = await rowsOf(
    db,
    `SELECT m.name AS "table", p.* FROM sqlite_master m, pragma_table_xinfo(m.name) p WHERE ${OWN}`,
  )
  const keys = await rowsOf(
    db,
    `SELECT m.name AS "in", p.* FROM sqlite_master m, pragma_foreign_key_list(m.name) p WHERE ${OWN}`,
  )
  return {
    tables: objects
      .filter(({ type }) => type === "table")
      .map(({ name, sql }) => ({ name, strict: / STRICT$/.test(String(sql)), checks: checksOf(String(sql)) }))
      .sort(byText),
    columns: columns.map(({ cid: _, ...column }) => column).sort(byText),
    keys: keys.map(({ id: _, ...key }) => key).sort(byText),
    others: objects.filter(({ type }) => type !== "table").sort(byText),
  }
}

function checksOf(sql: string): string[] {
  return [...sql.matchAll(/CONSTRAINT .*\)|json_valid\("\w+"\)/g)].map(([text]) => text).sort()
}

async function rowsOf(db: Database, sql: string): Promise<Row[]> {
  return (await db.prepare(sql).all()).results
}

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
}
