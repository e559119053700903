/** bknd as a Worker, over D1. */

import { Agent } from "node:http"
import { ask } from "../../lib/ask.ts"
import { insert } from "../../lib/seed.ts"
import { authorRows, INDEX, peerOf, postRows } from "../lib/bknd.ts"
import type { Host } from "../lib/peer.ts"
import { startWorker } from "../lib/worker.ts"

export async function start(): Promise<Host> {
  const worker = await startWorker("bknd-worker")
  // its first request makes the tables
  const first = { method: "GET", path: "/api/data/entity/posts", headers: {}, status: 200 }
  await ask(new Agent({ keepAlive: false }), worker.origin, first)
  await worker.db.prepare(INDEX).run()
  await insert(worker.db, "authors", authorRows)
  await insert(worker.db, "posts", postRows)
  const leavesOut = "rules over rows, idempotency, change record, log"
  return { peers: [await peerOf("bknd on workerd", worker.origin, leavesOut)], stop: worker.stop }
}
