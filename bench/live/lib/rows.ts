/** Selvedge's tables, and when its rows were committed. */

import { planMigration } from "../../../scripts/migrate/plan.ts"
import { EMPTY } from "../../../scripts/migrate/table-schema.ts"
import { engineTables } from "../../../src/schema/engine-tables.ts"
import { backend } from "../app/backend.ts"

/** When a message was sent (microseconds) and its change committed (milliseconds since 1970, the database's clock). */
export type Commits = readonly (readonly [sent: number, at: number])[]

export async function createTables(db: D1Database): Promise<void> {
  const collections = [...backend.collections.values()]
  const { statements } = await planMigration({
    previous: EMPTY,
    tables: [...Object.values(engineTables), ...backend.tables],
    search: new Map(collections.map((collection) => [collection.table.name, collection.search])),
  })
  await db.batch(statements.map((statement) => db.prepare(statement)))
}

export async function commitsOf(db: D1Database): Promise<Commits> {
  const sql = "SELECT p.sent, c.at FROM _changes c JOIN posts p ON p.id = c.record_id WHERE c.op = 'insert'"
  return db.prepare(sql).raw<[number, number]>()
}
