/** What Selvedge serves in the bench. */

import { anyone, type Caller, collection, defineBackend, one, signedIn } from "selvedge"
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

export const backend = defineBackend({ tables, collections })
