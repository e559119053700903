/** A backend with a collection for each way in which a record comes into a caller's sight and leaves it. */

import {
  anyOf,
  anyone,
  type Caller,
  collection,
  defineBackend,
  endpoint,
  many,
  one,
  owner,
  type Router,
  role,
  signedIn,
} from "selvedge"
import { users } from "selvedge/tables"
import * as z from "zod"
import * as channels from "./channels.ts"
import { ruleOf, seesSecrets } from "./rules.ts"
import * as tables from "./schema.ts"

const staff = role("staff")
const writable = { create: anyone, update: anyone, delete: anyone }
const WIDE = { limit: 1_000_000, windowS: 1 }

const collections = {
  films: collection(tables.films, {
    access: { read: anyone, ...writable },
    fields: { margin: { read: staff } },
    relations: { reviews: many(tables.reviews) },
    sorts: ["title", "-stock"],
    search: ["title"],
    live: true,
  }),
  reviews: collection(tables.reviews, {
    access: {
      read: (caller: Caller) => staff(caller) || { or: [{ hidden: false }, { authorId: caller.id }] },
      ...writable,
    },
    relations: { film: one(tables.films), author: one(users, { fields: ["id", "name"] }) },
    live: true,
  }),
  drafts: collection(tables.drafts, { access: { read: owner("ownerId"), ...writable }, live: true }),
  projects: collection(tables.projects, {
    access: {
      read: anyOf(staff, (caller: Caller) => ({ or: [{ open: true }, { members: { some: { userId: caller.id } } }] })),
      ...writable,
    },
    relations: { members: many(tables.members), tasks: many(tables.tasks) },
    live: true,
  }),
  members: collection(tables.members, {
    access: { read: signedIn, ...writable },
    relations: { project: one(tables.projects) },
  }),
  tasks: collection(tables.tasks, {
    access: {
      read: (caller: Caller) => ({ project: { members: { some: { userId: caller.id } } } }),
      ...writable,
    },
    relations: { project: one(tables.projects) },
    live: true,
  }),
  prices: collection(tables.prices, {
    access: { read: anyone, ...writable },
    cache: { maxAge: 60 },
    sorts: ["name"],
    live: true,
  }),
  notices: collection(tables.notices, { access: { read: anyone, ...writable } }),
  boards: collection(tables.boards, {
    access: { read: anyone, ...writable },
    relations: { cards: many(tables.cards) },
  }),
  cards: collection(tables.cards, {
    access: { read: ruleOf, ...writable },
    fields: { secret: { read: seesSecrets } },
    relations: { board: one(tables.boards) },
    live: true,
  }),
}

const announcement = z.object({ room: z.string(), text: z.string() })
const announce = endpoint({
  summary: "Says something in a room",
  access: signedIn,
  body: announcement,
  answer: { status: 200, description: "Said" },
})

function routes(app: Router<typeof collections>) {
  app.post("/v1/announce", announce, async (c) => {
    const { room: id, text } = c.req.valid("json")
    return c.json(await c.var.ctx.live.publish(channels.room, { id }, "announcement", { text }))
  })
}

export const backend = defineBackend({
  tables,
  collections,
  channels,
  routes,
  auth: { name: "Live", password: {}, apiKeys: true },
  limits: { default: WIDE, auth: WIDE, write: WIDE },
  origins: ["https://app.example"],
})
