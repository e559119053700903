/** Brings the local database up to date: migrations that are new, and the films when there are none. */

import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { openLocal, PROJECT_ROOT } from "../local-env.ts"
import { seedFilms } from "../seed-films.ts"
import { runWrangler } from "../wrangler.ts"

/** @param say Told one line for each step that had something to do. */
export async function prepareDatabase(persistTo: string, say: (line: string) => void): Promise<void> {
  if (await seedWhenMigrated(persistTo, say)) return
  say("Applying new migrations to the local database")
  const run = await runWrangler(["d1", "migrations", "apply", "DB", "--local", "--persist-to", persistTo])
  if (run.code !== 0) throw new Error(`The migrations could not be applied:\n${run.output}`)
  await seedWhenMigrated(persistTo, say)
}

/** @returns False when migrations are missing: asked of the database itself, which is quicker than wrangler. */
async function seedWhenMigrated(persistTo: string, say: (line: string) => void): Promise<boolean> {
  const local = await openLocal({ persistTo })
  try {
    if (!(await isMigrated(local.db))) return false
    const seeded = await seedFilms(local.db)
    if (seeded) say(`Put ${seeded.films} films and ${seeded.directors} directors into the local database`)
    return true
  } finally {
    await local.dispose()
  }
}

async function isMigrated(db: D1Database): Promise<boolean> {
  const files = (await readdir(join(PROJECT_ROOT, "migrations"))).filter((name) => name.endsWith(".sql"))
  if (!(await db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'd1_migrations'").first())) return false
  const { results } = await db.prepare("SELECT name FROM d1_migrations").all<{ name: string }>()
  const applied = new Set(results.map((row) => row.name))
  return files.every((name) => applied.has(name))
}
