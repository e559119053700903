/** What must and must not compile; `npm run types` is the test. */

import {
  anyOf,
  anyone,
  type Caller,
  collection,
  defineBackend,
  type Filter,
  many,
  one,
  owner,
  type Router,
  role,
  signedIn,
} from "selvedge"
import * as tables from "../fixture/schema.ts"

const { notes, projects } = tables

export const good = collection(notes, {
  access: {
    read: (caller: Caller) => ({
      or: [{ ownerId: caller.id }, { project: { members: { some: { userId: caller.id } } } }],
    }),
    create: signedIn,
    update: anyOf(owner("ownerId"), role("staff")),
    delete: (caller) => caller.roles.includes("staff") && { rank: { gt: 3 }, dueAt: { lt: new Date(0) } },
  },
  fields: { score: { write: role("staff"), read: anyone }, source: { immutable: true } },
  stamp: { stamped: (caller) => caller.id },
  relations: { project: one(projects) },
  search: ["title"],
})

export const withoutRelations = collection(notes, {
  access: {
    read: anyOf(owner("ownerId"), () => ({ done: false })),
    update: () => ({ or: [{ done: true }, { rank: 1 }] }),
  },
})

// @ts-expect-error a rule names a column that the table does not have
collection(notes, { access: { read: () => ({ titel: "x" }) } })

// @ts-expect-error so does one of two columns
collection(notes, { access: { read: () => ({ title: "x", titel: "x" }) } })

// @ts-expect-error the owner's column is not there
collection(notes, { access: { update: owner("authorId") } })

// @ts-expect-error nor is it inside anyOf
collection(notes, { access: { update: anyOf(owner("authorId"), signedIn) } })

// @ts-expect-error a column is compared with a value of another type
collection(notes, { access: { read: () => ({ title: 5 }) } })

// @ts-expect-error text has no operator of that name
collection(notes, { access: { read: () => ({ title: { like: "x" } }) } })

// @ts-expect-error a relation is not declared
collection(notes, { access: { read: () => ({ project: { name: "x" } }) } })

// @ts-expect-error a relation is compared with a value of another type than its column has
collection(notes, { access: { read: () => ({ project: { name: 5 } }) }, relations: { project: one(projects) } })

// @ts-expect-error a field is not there
collection(notes, { access: {}, fields: { nonsense: {} } })

// @ts-expect-error a field is read by a rule that depends on the row
collection(notes, { access: {}, fields: { title: { read: owner("ownerId") } } })

// @ts-expect-error a stamp is of another type than its column
collection(notes, { access: {}, stamp: { rank: () => "three" } })

// @ts-expect-error search names a column that is not there
collection(notes, { access: {}, search: ["nonsense"] })

// @ts-expect-error a relation shows a field that its table does not have
collection(notes, { access: {}, relations: { project: one(projects, { fields: ["nonsense"] }) } })

export const filter: Filter<typeof notes> = {
  title: { startsWith: "a" },
  tags: { has: "x" },
  not: { rank: { in: [1, 2] } },
}

// @ts-expect-error a filter names a column that the table does not have
export const wrong: Filter<typeof notes> = { titel: "x" }

// @ts-expect-error null has no order
export const unordered: Filter<typeof notes> = { rank: { gt: null } }

const collections = {
  notes: good,
  projects: collection(projects, { access: { read: anyone }, relations: { notes: many(notes) } }),
}

export const backend = defineBackend({ tables, collections, routes })

function routes(app: Router<typeof collections>) {
  app.get("/v1/example", async (c) => {
    const { records, caller } = c.var.ctx
    const note = await records(caller).notes.get("id")
    note.title satisfies string
    note.dueAt satisfies string | null
    note.rank satisfies number | null
    // @ts-expect-error a record has no such field
    note.titel
    const page = await records("service").notes.list({ filter: { rank: { gte: 1 } }, limit: 5 })
    page.data satisfies (typeof note)[]
    // @ts-expect-error a list filters by a column that is not there
    records(caller).notes.list({ filter: { titel: "x" } })
    // @ts-expect-error there is no such collection
    records(caller).nothing
    // @ts-expect-error a field is of another type
    records(caller).notes.create({ title: 5 })
    await records(caller).notes.create({ title: "x", dueAt: "2026-01-01T00:00:00Z" })
    return c.json(note)
  })
}
