/** Statements against the application's database: the local one, or through wrangler the deployed one. */

import type { Query, ResultRow } from "../src/db/query.ts"
import { openLocal, whileBusy } from "./local-env.ts"
import { runWrangler } from "./wrangler.ts"

export interface D1Target {
  /** The deployed database instead of the local one. */
  readonly remote: boolean
  /** The local state folder; that of `npm run dev` unless told. */
  readonly persistTo: string | undefined
}

/** At the level of errors alone, wrangler keeps the results to itself. */
const LOG_RESULTS = { WRANGLER_LOG: "log" }

export interface TargetDatabase {
  /**
   * Runs all of them or, if one fails, none.
   *
   * @returns The rows of each statement.
   * @throws Error with the database's or wrangler's own words, or, for an empty local database, with what to run first.
   */
  execute(queries: readonly Query[]): Promise<ResultRow[][]>
  dispose(): Promise<void>
}

/** For a single errand, see {@link TargetDatabase.execute}. */
export async function execute(target: D1Target, queries: readonly Query[]): Promise<ResultRow[][]> {
  const database = await openTarget(target)
  try {
    return await database.execute(queries)
  } finally {
    await database.dispose()
  }
}

export async function openTarget({ remote, persistTo }: D1Target): Promise<TargetDatabase> {
  if (remote) return { execute: executeDeployed, dispose: async () => {} }
  const { db, dispose } = await openLocal({ persistTo })
  return { execute: (queries) => executeLocal(db, queries), dispose }
}

async function executeLocal(db: D1Database, queries: readonly Query[]): Promise<ResultRow[][]> {
  try {
    const statements = queries.map(({ sql, params }) => db.prepare(sql).bind(...params))
    const results = await whileBusy(() => db.batch<ResultRow>(statements))
    return results.map(({ results }) => results)
  } catch (error) {
    if (!String(error).includes("no such table")) throw error
    throw new TypeError("The database is empty: run npm run dev first.")
  }
}

async function executeDeployed(queries: readonly Query[]): Promise<ResultRow[][]> {
  const sql = queries.map(inline).join(";\n")
  const run = await runWrangler(["d1", "execute", "DB", "--remote", "--yes", "--json", "--command", sql], LOG_RESULTS)
  if (run.code !== 0) throw new Error(run.output)
  return (JSON.parse(run.stdout) as { results: ResultRow[] }[]).map(({ results }) => results)
}

/** wrangler binds no parameters, so they are written out. */
function inline({ sql, params }: Query): string {
  let next = 0
  return sql.replace(/\?(\d+)?/g, (_, number?: string) => literal(params[number ? Number(number) - 1 : next++]))
}

function literal(value: unknown): string {
  if (value === null) return "NULL"
  if (typeof value === "number" && Number.isFinite(value)) return String(value)
  if (typeof value === "string" && !value.includes("\0")) return `'${value.replaceAll("'", "''")}'`
  throw new TypeError(`${String(value)} can't be written into a statement`)
}
