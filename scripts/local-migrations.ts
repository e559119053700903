/** The migrations that a local database lacks, applied as `wrangler d1 migrations apply` does, which takes five times as long. */

import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { PROJECT_ROOT, whileBusy } from "./local-env.ts"

const FOLDER = join(PROJECT_ROOT, "migrations")
/** wrangler's own table, so that it and we know what the other has done. */
const APPLIED = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`

/** @returns The names of the files, oldest first. */
export async function missingMigrations(db: D1Database): Promise<string[]> {
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith(".sql")).sort()
  if (!(await db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'd1_migrations'").first())) return files
  const { results } = await db.prepare("SELECT name FROM d1_migrations").all<{ name: string }>()
  const applied = new Set(results.map((row) => row.name))
  return files.filter((name) => !applied.has(name))
}

/** Each file is one transaction. The local D1 takes its statements together, so that nobody has to cut them apart. */
export async function applyMigrations(db: D1Database, files: readonly string[]): Promise<void> {
  if (files.length === 0) return
  await whileBusy(() => db.prepare(APPLIED).run())
  const note = db.prepare("INSERT INTO d1_migrations (name) VALUES (?)")
  for (const file of files) {
    const migration = db.prepare(await readFile(join(FOLDER, file), "utf8"))
    await whileBusy(() => db.batch([migration, note.bind(file)])).catch((error: Error) => {
      throw new Error(`The migrations could not be applied:\n${file}: ${error.message}`)
    })
  }
}
