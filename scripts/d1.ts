/** Statements against the application's database, on this machine or deployed, through wrangler. */

import type { Query, ResultRow } from "../src/db/query.ts"
import { runWrangler } from "./wrangler.ts"

export interface D1Target {
  /** The deployed database instead of the local one. */
  readonly remote: boolean
  /** The local state folder; that of `npm run dev` unless told. */
  readonly persistTo: string | undefined
}

const BUSY_ATTEMPTS = 5
/** At the level of errors alone, wrangler keeps the results to itself. */
const LOG_RESULTS = { WRANGLER_LOG: "log" }

/**
 * @returns The rows of each statement.
 * @throws Error with wrangler's own words, or, for an empty local database, with what to run first.
 */
export async function execute(target: D1Target, queries: readonly Query[]): Promise<ResultRow[][]> {
  const sql = queries.map(inline).join(";\n")
  const where = target.remote
    ? ["--remote"]
    : ["--local", ...(target.persistTo ? ["--persist-to", target.persistTo] : [])]
  for (let attempt = 1; ; attempt++) {
    const run = await runWrangler(["d1", "execute", "DB", ...where, "--yes", "--json", "--command", sql], LOG_RESULTS)
    if (run.code === 0) return readResults(run.stdout)
    if (/no such table/.test(run.output)) throw new TypeError("The database is empty: run npm run dev first.")
    if (attempt === BUSY_ATTEMPTS || !/SQLITE_BUSY|database is locked/.test(run.output)) throw new Error(run.output)
  }
}

function readResults(stdout: string): ResultRow[][] {
  return (JSON.parse(stdout) as { results: ResultRow[] }[]).map(({ results }) => results)
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
