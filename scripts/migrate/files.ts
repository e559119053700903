/** The folder of migrations: numbered SQL files, and a snapshot of what they amount to. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { MigrationPlan } from "./plan.ts"
import { Refusal } from "./refusal.ts"
import { EMPTY, type Snapshot } from "./table-schema.ts"

/** Beside the folder's SQL files, where wrangler doesn't look. */
const SNAPSHOT = join("meta", "snapshot.json")
const NAME = /^[A-Za-z0-9_-]+$/

export function readSnapshot(folder: string): Snapshot {
  const file = join(folder, SNAPSHOT)
  if (!existsSync(file)) {
    if (migrationFiles(folder).length === 0) return EMPTY
    throw new Refusal(file, "it is missing, while there are migrations", "restore it from version control")
  }
  const { migration, ...snapshot } = JSON.parse(readFileSync(file, "utf8")) as Snapshot & { migration: string }
  if (existsSync(join(folder, migration))) return snapshot
  throw new Refusal(
    file,
    `it belongs to ${migration}, which is missing`,
    "restore both from version control, or delete the whole folder to start anew",
  )
}

/** @returns The name of the new file. */
export function writeMigration(folder: string, name: string, plan: MigrationPlan): string {
  if (!NAME.test(name)) throw new Refusal(`"${name}"`, "it is no name for a file", "use letters, digits, _ and -")
  const last = Math.max(0, ...migrationFiles(folder).map((file) => Number.parseInt(file, 10)))
  const migration = `${String(last + 1).padStart(4, "0")}_${name}.sql`
  mkdirSync(join(folder, "meta"), { recursive: true })
  writeFileSync(join(folder, migration), migrationText(plan.statements), { flag: "wx" })
  writeFileSync(join(folder, SNAPSHOT), `${JSON.stringify({ migration, ...plan.snapshot }, null, 1)}\n`)
  return migration
}

/** One statement after the other, without comments: they would be one more thing for D1 to split rightly. */
export function migrationText(statements: readonly string[]): string {
  return statements.map((statement) => `${statement};\n`).join("")
}

function migrationFiles(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((file) => /^\d+.*\.sql$/.test(file)) : []
}
