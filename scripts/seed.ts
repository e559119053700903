/** `npm run seed`: the shop's first films, put into the local database. */

import { parseArgs } from "node:util"
import { openLocal } from "./local-env.ts"
import { seedFilms } from "./seed-films.ts"

const USAGE = `npm run seed -- [--persist-to DIR]

Puts 3,201 films and 550 directors into the local database, unless it has films already.

  --persist-to DIR  where the local database lies (default: .wrangler/state)`

const { values: flags } = parseArgs({ options: { "persist-to": { type: "string" }, help: { type: "boolean" } } })

if (flags.help) console.log(USAGE)
else await seed()

async function seed(): Promise<void> {
  const local = await openLocal({ persistTo: flags["persist-to"] })
  try {
    const seeded = await seedFilms(local.db)
    console.log(seeded ? `Seeded ${seeded.films} films and ${seeded.directors} directors.` : "There are films already.")
  } finally {
    await local.dispose()
  }
}
