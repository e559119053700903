/**
 * `npm run check:indexes`: explains the statements of every order, relation, rule and foreign key on a temporary
 * database with the project's migrations, and fails when one scans a table or sorts. What callers choose freely (their
 * filters, searches, counts and aggregates) is left out.
 */

import { join } from "node:path"
import { backend } from "../app/backend.ts"
import { engineTables } from "../src/schema/engine-tables.ts"
import { checkIndexes } from "./check-indexes/check.ts"
import { openDatabase, readMigrations } from "./check-indexes/database.ts"
import { report } from "./check-indexes/report.ts"
import { readSnapshot } from "./migrate/files.ts"
import { planMigration } from "./migrate/plan.ts"
import { Refusal } from "./migrate/refusal.ts"

const FOLDER = join(import.meta.dirname, "../migrations")

if (await isMigrated()) {
  const migrations = readMigrations(FOLDER)
  const { explain, dispose } = await openDatabase(migrations)
  try {
    const result = await checkIndexes(backend, explain)
    const against = `on a temporary database with ${migrations.length === 1 ? "the migration" : `the ${migrations.length} migrations`} of ./migrations`
    if (result.findings.length === 0) console.log(report(result, against))
    else {
      console.error(report(result, against))
      process.exitCode = 1
    }
  } finally {
    await dispose()
  }
} else {
  console.error("The schema has changes that no migration holds. Run npm run migrate -- NAME, then check again.")
  process.exitCode = 1
}

/** Indexes that are declared but not migrated would be called missing. */
async function isMigrated(): Promise<boolean> {
  const collections = [...backend.collections.values()]
  try {
    const { statements } = await planMigration({
      previous: readSnapshot(FOLDER),
      tables: [...Object.values(engineTables), ...backend.tables],
      search: new Map(collections.map((collection) => [collection.table.name, collection.search])),
    })
    return statements.length === 0
  } catch (error) {
    if (error instanceof Refusal) return false
    throw error
  }
}
