/** What Selvedge serves in the live bench: a collection and a channel, both for anyone. */

import { anyone, channel, collection, defineBackend } from "selvedge"
import * as tables from "./schema.ts"

const collections = {
  posts: collection(tables.posts, { access: { read: anyone, create: anyone }, sorts: ["-createdAt"], live: true }),
}

/** Keeps nothing. */
const room = channel("room", { join: anyone, publish: anyone })

/** Out of the way: each caller may ask as often as the bench can. */
const limits = { default: { limit: 1_000_000, windowS: 60 } }

export const backend = defineBackend({ tables, collections, channels: { room }, limits })
