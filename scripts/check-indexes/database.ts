/** An empty D1 with migrations applied. It lives in memory, so that nothing of the developer's is touched. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { convertV4MiniflareOptions, Miniflare } from "miniflare"
import { unstable_splitSqlQuery } from "wrangler"
import type { Query } from "../../src/db/query.ts"
import type { Explain } from "./check.ts"
import type { PlanRow } from "./plan.ts"

/** A Worker that runs what it is sent as one batch: Miniflare's own handle on D1 takes ten times as long. */
const BATCHES = `export default {
  async fetch(request, { DB }) {
    const queries = await request.json()
    try {
      const results = await DB.batch(queries.map(({ sql, params }) => DB.prepare(sql).bind(...params)))
      return Response.json(results.map((result) => result.results))
    } catch (error) {
      return new Response(String(error), { status: 500 })
    }
  },
}`

export interface TemporaryDatabase {
  readonly explain: Explain
  dispose(): Promise<void>
}

/** The statements of each migration, oldest first, cut where D1 cuts them. */
export function readMigrations(folder: string): string[][] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"))
  return files.sort().map((file) => unstable_splitSqlQuery(readFileSync(join(folder, file), "utf8")))
}

export async function openDatabase(migrations: readonly (readonly string[])[]): Promise<TemporaryDatabase> {
  const miniflare = new Miniflare(convertV4MiniflareOptions({ modules: true, script: BATCHES, d1Databases: ["DB"] }))
  for (const statements of migrations.filter((each) => each.length > 0)) {
    await run(
      miniflare,
      statements.map((sql) => ({ sql, params: [] })),
    )
  }
  return {
    explain: async ({ sql, params }) => (await run(miniflare, [{ sql: `EXPLAIN QUERY PLAN ${sql}`, params }]))[0]!,
    dispose: () => miniflare.dispose(),
  }
}

async function run(miniflare: Miniflare, queries: readonly Query[]): Promise<PlanRow[][]> {
  const answer = await miniflare.dispatchFetch("http://localhost/", { method: "POST", body: JSON.stringify(queries) })
  if (!answer.ok) throw new Error(await answer.text())
  return (await answer.json()) as PlanRow[][]
}
