/** Brings the local database up to date: migrations that are new, and the films when there are none. */

import { openLocal } from "../local-env.ts"
import { applyMigrations, missingMigrations } from "../local-migrations.ts"
import { seedFilms } from "../seed-films.ts"

/** @param say Told one line for each step that had something to do. */
export async function prepareDatabase(persistTo: string, say: (line: string) => void): Promise<void> {
  const { db, dispose } = await openLocal({ persistTo })
  try {
    const missing = await missingMigrations(db)
    if (missing.length > 0) say("Applying new migrations to the local database")
    await applyMigrations(db, missing)
    const seeded = await seedFilms(db)
    if (seeded) say(`Put ${seeded.films} films and ${seeded.directors} directors into the local database`)
  } finally {
    await dispose()
  }
}
