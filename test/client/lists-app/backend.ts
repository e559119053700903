/** A backend in which anybody may write anything, so that only the network is in the way. */

import { anyone, collection, defineBackend, many, one } from "selvedge"
import * as z from "zod"
import * as tables from "./schema.ts"

const access = { read: anyone, create: anyone, update: anyone, delete: anyone }
const WIDE = { limit: 1_000_000, windowS: 1 }

export const collections = {
  boxes: collection(tables.boxes, {
    access,
    relations: { items: many(tables.items) },
    sorts: ["name"],
    live: true,
  }),
  items: collection(tables.items, {
    access,
    relations: { box: one(tables.boxes) },
    sorts: [
      "rank,title",
      "-score,title",
      "title",
      "dueAt,-rank",
      "seenAt,code",
      "big",
      "-big,title",
      "done,-title",
      "mood,code",
      "-createdAt",
    ],
    search: ["title"],
    input: { title: () => z.string().min(1).max(100) },
    live: true,
  }),
  /** Not live. */
  papers: collection(tables.papers, { access, sorts: ["rank", "-createdAt"], search: ["title"] }),
}

export const backend = defineBackend({
  tables,
  collections,
  auth: { name: "Lists", password: {} },
  limits: { default: WIDE, auth: WIDE, write: WIDE },
})
