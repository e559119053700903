/** `npm run migrate -- NAME [--rename films.year:releaseYear] [--drop]`: writes the migration to the schema as it is now. */

import { join, relative } from "node:path"
import { parseArgs } from "node:util"
import { engineTables } from "../src/schema/engine-tables.ts"
import { readSnapshot, writeMigration } from "./migrate/files.ts"
import { planMigration } from "./migrate/plan.ts"
import { Refusal } from "./migrate/refusal.ts"

const FOLDER = join(import.meta.dirname, "../migrations")

try {
  console.log(await migrate(process.argv.slice(2)))
} catch (error) {
  // A refusal and a wrong definition say all there is to say; anything else is a fault of this tool.
  if (!(error instanceof Refusal || error instanceof TypeError)) throw error
  console.error(`No migration was written. ${error.message}.`)
  process.exitCode = 1
}

async function migrate(args: readonly string[]): Promise<string> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { rename: { type: "string", multiple: true }, drop: { type: "boolean" } },
  })
  const [name, ...rest] = positionals
  if (!name || rest.length > 0) throw new Refusal("npm run migrate", "it takes one name", "npm run migrate -- NAME")
  const { backend } = await import("../app/backend.ts")
  const collections = [...backend.collections.values()]
  const plan = await planMigration({
    previous: readSnapshot(FOLDER),
    tables: [...Object.values(engineTables), ...backend.tables],
    search: new Map(collections.map((collection) => [collection.table.name, collection.search])),
    renames: values.rename ?? [],
    drop: values.drop ?? false,
    command: `npm run migrate -- ${name}`,
  })
  if (plan.statements.length === 0) return "The schema is unchanged: no migration was written."
  const file = writeMigration(FOLDER, name, plan)
  return [
    `Wrote ${relative(process.cwd(), FOLDER)}/${file} (${plan.statements.length} statements). Read it before you apply it.`,
    ...plan.notes,
    "npm run dev applies it locally, npm run deploy remotely; by hand: npx wrangler d1 migrations apply DB --local (or --remote).",
  ].join("\n")
}
