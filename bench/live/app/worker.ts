/** The engine as it is deployed, and beside it a door for rows by SQL. */

import { createObjects, createWorker, type Env } from "selvedge/worker"
import { backend } from "./backend.ts"

interface Rows {
  readonly rows: number
  readonly sent: number
  readonly text: string
  readonly authorId: string
}

const INSERT = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
INSERT INTO posts (id, created_at, updated_at, version, sent, text, author_id)
SELECT lower(hex(randomblob(16))), ?2, ?2, 1, ?3, ?4, ?5 FROM n`

const objects = createObjects(backend)
const worker = createWorker(backend)

export { Limiter } from "selvedge/worker"
export class Feed extends objects.Feed {}
export class Clock extends objects.Clock {}
export class Hub extends objects.Hub {}
export class Topic extends objects.Topic {}

export default {
  ...worker,
  /** `/rows` writes past the engine, and tells the feed. */
  async fetch(request, env, execution) {
    if (new URL(request.url).pathname !== "/rows") return worker.fetch!(request, env, execution)
    const { rows, sent, text, authorId } = await request.json<Rows>()
    await env.DB.prepare(INSERT).bind(rows, Date.now(), sent, text, authorId).run()
    execution.waitUntil(env.FEED.getByName("feed").wake())
    return new Response(null, { status: 201 })
  },
} satisfies ExportedHandler<Env>
