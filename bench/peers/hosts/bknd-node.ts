/** bknd in this very process. */

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { authorRows, INDEX, peerOf, postRows } from "../lib/bknd.ts"
import type { Host } from "../lib/peer.ts"
import { insertAll } from "../lib/sqlite.ts"

interface App {
  createTables(database: DatabaseSync): Promise<void>
  start(database: DatabaseSync): Promise<number>
}

export async function start(): Promise<Host> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-peer-"))
  const app = (await import(join(import.meta.dirname, "../apps/bknd-node.js"))) as App
  const database = new DatabaseSync(join(folder, "bknd.db"))
  database.exec("PRAGMA journal_mode = WAL")
  await app.createTables(database)
  database.exec(INDEX)
  insertAll(database, "authors", authorRows)
  insertAll(database, "posts", postRows)
  const origin = `http://127.0.0.1:${await app.start(database)}`
  return {
    peers: [await peerOf("bknd on Node", origin, "rules over rows, idempotency, change record, log")],
    stop: () => rm(folder, { recursive: true, force: true }),
  }
}
