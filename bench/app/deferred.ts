/** Work after the answer: a reaction to posts, nothing that reacts to drafts, and a job that does nothing. */

import { anyone, collection, defineBackend, endpoint, job, on, type Router } from "selvedge"
import { createObjects, createWorker, type Env } from "selvedge/worker"
import * as z from "zod"
import { limits } from "./backend.ts"
import * as tables from "./schema.ts"

const collections = {
  authors: collection(tables.authors, { access: { read: anyone } }),
  posts: collection(tables.posts, { access: { read: anyone, create: anyone } }),
  drafts: collection(tables.drafts, { access: { read: anyone } }),
}

const nothing = job("nothing", { input: z.object({ n: z.int() }), run: () => undefined })
const posted = on(tables.posts, ["created"], () => undefined, { name: "posted" })

/** Jobs in one batch. */
const enqueue = endpoint({
  summary: "Enqueue",
  access: anyone,
  body: z.object({ jobs: z.int() }),
  answer: { status: 202, description: "Later" },
})

function routes(app: Router<typeof collections>) {
  app.post("/v1/jobs", enqueue, async (c) => {
    const { atomic, enqueue } = c.var.ctx
    const numbers = Array.from({ length: c.req.valid("json").jobs }, (_, n) => n)
    await atomic(numbers.map((n) => enqueue(nothing, { n })))
    return c.json(null, 202)
  })
}

const backend = defineBackend({ tables, collections, jobs: { nothing, posted }, routes, limits })
const objects = createObjects(backend)
const worker = createWorker(backend)

export { Limiter } from "selvedge/worker"
export class Feed extends objects.Feed {}
export class Clock extends objects.Clock {}

console.log = () => {}

export default {
  ...worker,
  /** `/drain` answers when every sink has everything. */
  async fetch(request, env, execution) {
    if (new URL(request.url).pathname !== "/drain") return worker.fetch!(request, env, execution)
    const feed = env.FEED.getByName("feed") as unknown as { drained(): Promise<void> }
    await feed.drained()
    return new Response(null, { status: 204 })
  },
} satisfies ExportedHandler<Env>
