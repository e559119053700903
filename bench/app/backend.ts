/** What Selvedge serves in the bench. */

import { anyone, type Caller, collection, defineBackend, endpoint, one, type Router, signedIn } from "selvedge"
import * as z from "zod"
import * as tables from "./schema.ts"

/** A rule that every row is asked about. */
const visible = (caller: Caller) => ({ or: [{ hidden: false }, { authorId: caller.id }] })

export const collections = {
  authors: collection(tables.authors, { access: { read: anyone }, sorts: ["name"] }),
  posts: collection(tables.posts, {
    access: { read: anyone, create: signedIn },
    stamp: { authorId: (caller) => caller.id },
    relations: { author: one(tables.authors) },
    sorts: ["-createdAt"],
  }),
  /** Rows by rule, and an author who comes from the client: a reference that the write has to check. */
  drafts: collection(tables.drafts, {
    access: { read: visible, create: visible },
    relations: { author: one(tables.authors) },
    sorts: ["-createdAt"],
  }),
}

/** Tells callers who they are: the least that a request with a token can be about. */
const whoAmI = endpoint({
  summary: "Who calls",
  access: signedIn,
  answer: { status: 200, description: "The caller", schema: z.object({ id: z.uuid() }) },
})

function routes(app: Router<typeof collections>) {
  app.get("/v1/caller", whoAmI, (c) => c.json({ id: c.var.ctx.caller.id }, 200))
}

/** Out of the way: each caller may ask as often as the bench can. */
export const limits = { default: { limit: 1_000_000, windowS: 60 } }

export const backend = defineBackend({
  tables,
  collections,
  routes,
  limits,
  auth: { name: "Bench", password: {} },
})
