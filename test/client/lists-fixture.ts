/** A server whose lists a client keeps, in a process of its own. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { createTestHarness } from "wrangler"
import { planMigration } from "../../scripts/migrate/plan.ts"
import { EMPTY } from "../../scripts/migrate/table-schema.ts"
import { engineTables } from "../../src/schema/engine-tables.ts"
import { backend } from "./lists-app/backend.ts"

const ROOT = resolve(import.meta.dirname, "../..")

export const LONG = process.env.SELVEDGE_LONG !== undefined && process.env.SELVEDGE_LONG !== ""

export interface App {
  readonly url: string
  readonly port: number
  readonly database: D1Database
  stop(): Promise<void>
}

export async function startApp(): Promise<App> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-lists-"))
  const secrets = { SELVEDGE_SECRET: "a secret for tests, with more than 32 characters" }
  const server = createTestHarness({ root: folder, workers: [{ configPath: await writeWorker(folder), secrets }] })
  const port = Number((await server.listen()).url.port)
  const { DB } = (await server.getWorker().getEnv()) as { DB: D1Database }
  const { statements } = await planMigration({
    previous: EMPTY,
    tables: [...Object.values(engineTables), ...backend.tables],
    search: new Map([...backend.collections.values()].map(({ table, search }) => [table.name, search])),
  })
  await DB.batch(statements.map((statement) => DB.prepare(statement)))
  return {
    url: `http://localhost:${port}`,
    port,
    database: DB,
    async stop() {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function writeWorker(folder: string): Promise<string> {
  const path = (name: string) => JSON.stringify(join(ROOT, name))
  const worker = `
import { createObjects, createWorker } from ${path("src/worker.ts")}
import { backend } from ${path("test/client/lists-app/backend.ts")}
export const { Feed, Clock, Hub, Topic } = createObjects(backend)
export { Limiter } from ${path("src/worker.ts")}
export default createWorker(backend)
`
  const config = (await readFile(join(ROOT, "test/live/app/wrangler.toml"), "utf8")).replaceAll(
    /"(?:\.\.\/){3}([^"]+)"/g,
    (_, name: string) => path(name),
  )
  await writeFile(join(folder, "worker.ts"), worker)
  await writeFile(join(folder, "wrangler.toml"), config)
  return join(folder, "wrangler.toml")
}
