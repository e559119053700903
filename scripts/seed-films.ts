/** Puts the shop's films and directors into a database that has no films yet. */

import { whileBusy } from "./local-env.ts"

/** @returns How many were inserted; undefined when there were films already. */
export async function seedFilms(db: D1Database): Promise<{ films: number; directors: number } | undefined> {
  if (await db.prepare("SELECT 1 FROM films LIMIT 1").first()) return undefined
  const { seedStatements } = await import("./seed-statements.ts") // loads the schema, for which most starts need not wait
  const { films, directors, statements } = await seedStatements(db)
  await whileBusy(() => db.batch([...statements])) // one transaction: a seed that was stopped leaves nothing behind
  return { films, directors }
}
