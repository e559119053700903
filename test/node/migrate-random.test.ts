import { type AnySQLiteColumn, index, integer, type SQLiteTable, sqliteTable, text } from "drizzle-orm/sqlite-core"
import * as fc from "fast-check"
import { afterAll, expect, test } from "vitest"
import { Refusal } from "../../scripts/migrate/refusal.ts"
import { recordColumns } from "../../src/schema/record-columns.ts"
import { type Evolving, type Row, type Schema, startD1 } from "./migrate-fixture.ts"

/** Each takes about half a second. */
const RUNS = process.env.SELVEDGE_LONG ? 200 : 4

const d1 = startD1()
afterAll(() => d1.stop())

interface TableShape {
  columns: Record<string, { type: "text" | "integer"; notNull: boolean; indexed: boolean; searched: boolean }>
  keys: Record<string, { table: string; onDelete: "cascade" | "set null" | "no action" | "restrict" }>
}
type Shape = Record<string, TableShape>

/** Every value is a whole number, so that either type can hold what the other held. */
const column = fc.record({
  type: fc.constantFrom("text" as const, "integer" as const),
  notNull: fc.boolean(),
  indexed: fc.boolean(),
  searched: fc.boolean(),
})
const keyTo = (table: string, ...actions: TableShape["keys"][string]["onDelete"][]) =>
  fc.record({ table: fc.constant(table), onDelete: fc.constantFrom("cascade", "set null", "no action", ...actions) })
const tableWith = (keys: Record<string, ReturnType<typeof keyTo>>) =>
  fc.record<TableShape>({
    columns: fc.dictionary(fc.constantFrom("c1", "c2", "c3"), column, { noNullPrototype: true }),
    keys: fc.record(keys, { requiredKeys: [], noNullPrototype: true }) as fc.Arbitrary<TableShape["keys"]>,
  })
/** A table that refers to itself and two that refer to each other. A key leads to one table for good: rows fit no other. */
const shapes = fc.record(
  {
    aa: tableWith({ to_aa: keyTo("aa"), to_bb: keyTo("bb", "restrict"), to_cc: keyTo("cc", "restrict") }),
    bb: tableWith({ to_cc: keyTo("cc") }),
    cc: tableWith({ to_bb: keyTo("bb") }),
  },
  { requiredKeys: ["aa"], noNullPrototype: true },
) as fc.Arbitrary<Shape>

test("from any schema to any other, rows keep all values that have a column", async () => {
  let refused = 0
  await fc.assert(
    fc.asyncProperty(fc.array(shapes, { minLength: 2, maxLength: 4 }), async ([first, ...later]) => {
      const db = await d1.evolving()
      await db.migrate(build(first!))
      await fill(db, first!)
      let shape = first!
      for (const next of later) {
        const before = await rowsOf(db, shape)
        try {
          await db.migrate(build(next), { drop: true })
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          refused++
          continue
        }
        expectKept(before, await rowsOf(db, next))
        shape = next
      }
      await expectAlive(db, shape)
    }),
    { numRuns: RUNS },
  )
  expect(refused).toBeLessThan(RUNS)
})

/** Keys to tables that aren't there are left out. */
function build(shape: Shape): Schema {
  const tables: Record<string, SQLiteTable & { id: AnySQLiteColumn }> = {}
  for (const [name, { columns }] of Object.entries(shape)) {
    const own = Object.entries(columns).map(([column, { type, notNull }]) => {
      // The default fills new columns, so that they can be tightened later.
      const made = type === "text" ? text().default("5") : integer().default(5)
      return [column, notNull ? made.notNull() : made]
    })
    const keys = keysOf(shape, name).map(([column, { table, onDelete }]) => [
      column,
      text().references((): AnySQLiteColumn => tables[table]!.id, { onDelete }),
    ])
    const indexed = Object.keys(columns).filter((column) => columns[column]!.indexed)
    tables[name] = sqliteTable(name, { ...recordColumns(), ...Object.fromEntries([...own, ...keys]) }, (t) =>
      indexed.map((column) =>
        index(`${name}_${column}`).on((t as unknown as Record<string, AnySQLiteColumn>)[column]!),
      ),
    ) as unknown as SQLiteTable & { id: AnySQLiteColumn }
  }
  const searched = Object.entries(shape).map(([name, { columns }]) => [
    name,
    Object.keys(columns).filter((column) => columns[column]!.searched && columns[column]!.type === "text"),
  ])
  return { tables: Object.values(tables), search: Object.fromEntries(searched) }
}

function keysOf(shape: Shape, name: string) {
  return Object.entries(shape[name]!.keys).filter(([, { table }]) => table in shape)
}

/** Three rows to a table. A key leads to the row with the same number, and so to itself within a table. */
async function fill(db: Evolving, shape: Shape): Promise<void> {
  const rows = Object.entries(shape).flatMap(([name, { columns }]) => {
    const keys = keysOf(shape, name)
    const names = ["id", "created_at", "updated_at", ...Object.keys(columns), ...keys.map(([column]) => column)]
    return [3, 1, 2].map((n) => {
      const values = [...Object.keys(columns).map(() => n * 10), ...keys.map(([, { table }]) => `'${table}${n}'`)]
      return `INSERT INTO ${name} (${names.join(", ")}) VALUES (${[`'${name}${n}'`, 1, 1, ...values].join(", ")})`
    })
  })
  await db.db.batch(["PRAGMA defer_foreign_keys = on", ...rows].map((sql) => db.db.prepare(sql)))
}

async function rowsOf(db: Evolving, shape: Shape): Promise<Record<string, Row[]>> {
  const rows = Object.keys(shape).map(async (name) => [name, await db.rows(`SELECT * FROM ${name} ORDER BY id`)])
  return Object.fromEntries(await Promise.all(rows))
}

function expectKept(before: Record<string, Row[]>, after: Record<string, Row[]>): void {
  for (const name of Object.keys(before).filter((name) => name in after)) {
    const common = Object.keys(before[name]![0] ?? {}).filter((column) => column in (after[name]![0] ?? {}))
    const values = (row: Row) => common.map((column) => (row[column] === null ? null : String(row[column])))
    expect(after[name]!.map(values)).toEqual(before[name]!.map(values))
  }
}

async function expectAlive(db: Evolving, shape: Shape): Promise<void> {
  for (const name of Object.keys(shape)) {
    const last = await db.lastSeq()
    const rows = await db.rows(`SELECT * FROM ${name}`)
    await db.run(`UPDATE ${name} SET created_at = 77`)
    const moved = { created_at: 77, version: 2, updated_at: expect.any(Number) }
    expect((await db.changes(last)).map((change) => change.after)).toEqual(rows.map((row) => ({ ...row, ...moved })))
  }
}
