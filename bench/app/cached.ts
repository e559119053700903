/** Selvedge that keeps the answers which everybody may see; as long as no run lasts, so that they stay warm. */

import { anyone, collection, defineBackend, one, signedIn } from "selvedge"
import { createObjects, createWorker } from "selvedge/worker"
import { collections, limits } from "./backend.ts"
import * as tables from "./schema.ts"

export const backend = defineBackend({
  tables,
  collections: {
    authors: collections.authors,
    posts: collection(tables.posts, {
      access: { read: anyone, create: signedIn },
      stamp: { authorId: (caller) => caller.id },
      relations: { author: one(tables.authors) },
      sorts: ["-createdAt"],
      cache: { maxAge: 3_600 },
    }),
  },
  limits,
})
const objects = createObjects(backend)

export { Limiter } from "selvedge/worker"
export class Feed extends objects.Feed {}
export class Clock extends objects.Clock {}

export default createWorker(backend)
