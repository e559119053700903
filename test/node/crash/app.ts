/** What the kill test serves: writes whose every consequence can be counted afterwards. */

import { eq, sql } from "drizzle-orm"
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core"
import {
  anyone,
  channel,
  collection,
  defineBackend,
  endpoint,
  expectRows,
  type JobContext,
  job,
  on,
  one,
  type RecordChange,
  type Router,
  schedule,
} from "selvedge"
import { newId, recordColumns } from "selvedge/tables"
import * as z from "zod"

/** Sums that a write which came twice, or half, would falsify. */
export const tallies = sqliteTable("tallies", {
  ...recordColumns(),
  purchases: integer().notNull().default(0),
  amount: integer().notNull().default(0),
})

export const entries = sqliteTable("entries", {
  ...recordColumns(),
  tallyId: text().references(() => tallies.id),
  name: text().notNull(),
  amount: integer().notNull(),
  steps: integer().notNull().default(0),
  paid: integer({ mode: "boolean" }).notNull().default(false),
})

export const collections = {
  entries: collection(entries, {
    access: { read: anyone, create: anyone, update: anyone },
    relations: { tally: one(tallies) },
    live: true,
  }),
  tallies: collection(tallies, { access: { read: anyone } }),
}

/** More is kept than is said while a process is down. */
export const log = channel("log:{name}", {
  join: anyone,
  publish: anyone,
  presence: anyone,
  history: { messages: 1_000 },
})

/** Crashes count as attempts, and there are many. */
const patient = { retries: 100, backoff: { first: 100, most: 500 } }

const purchase = z.strictObject({ name: z.string(), amount: z.int(), tallyId: z.string() })

export const charge = job("charge", {
  input: z.object({ entryId: z.string(), amount: z.int() }),
  ...patient,
  run: async ({ entryId, amount }, ctx) => {
    await ctx.once("charge", (key) => tell(ctx, { kind: "charge", key, entryId, amount }))
    await ctx.atomic([ctx.db.update(entries).set({ paid: true }).where(eq(entries.id, entryId))])
  },
})

/** Few at a time: the receiver counts them. */
export const pack = job("pack", {
  input: z.object({ entryId: z.string() }),
  ...patient,
  concurrency: 3,
  run: ({ entryId }, ctx) => ctx.once("pack", (key) => tell(ctx, { kind: "pack", key, entryId })),
})

export const entryChanged = on(entries, ["created", "updated"], tellChange, { name: "entry-changed", ...patient })
export const tallyChanged = on(tallies, ["updated"], tellChange, { name: "tally-changed", ...patient })

export const beat = schedule("beat", { cron: "* * * * * *", ...patient, run: () => undefined })

const buy = endpoint({
  summary: "Write an entry, count it, and queue what follows from it",
  access: anyone,
  idempotency: "required",
  body: purchase,
  answer: { status: 201, description: "The entry", schema: z.object({ id: z.uuid() }) },
})

function routes(app: Router<typeof collections>) {
  app.post("/v1/purchases", buy, async (c) => {
    const { atomic, db, enqueue } = c.var.ctx
    const { name, amount, tallyId } = c.req.valid("json")
    const id = newId()
    const sums = { purchases: sql`${tallies.purchases} + 1`, amount: sql`${tallies.amount} + ${amount}` }
    await atomic(
      [
        db.insert(entries).values({ id, name, amount, tallyId }),
        db.update(tallies).set(sums).where(eq(tallies.id, tallyId)),
        expectRows(1, "no_tally"),
        enqueue(charge, { entryId: id, amount }, amount % 10 === 0 ? { delay: 2_000 } : {}),
        ...(amount % 5 === 0 ? [enqueue(pack, { entryId: id })] : []),
      ],
      { status: 201, body: { id } },
    )
    return c.json({ id }, 201)
  })
}

async function tellChange(change: RecordChange<typeof entries> | RecordChange<typeof tallies>, ctx: JobContext) {
  const { id, seq, event } = change
  await ctx.once("tell", (key) => tell(ctx, { kind: "change", key, recordId: id, seq, event }))
}

/** The receiver is outside: it may refuse, and it may do the work and its answer is lost. */
async function tell(ctx: JobContext, effect: { kind: string; key: string } & Record<string, unknown>): Promise<void> {
  const body = JSON.stringify(effect)
  const response = await fetch(ctx.variable("RECEIVER")!, { method: "POST", body, signal: ctx.signal })
  await response.arrayBuffer()
  if (!response.ok) throw new Error(`the receiver answers ${response.status}`)
}

export const backend = defineBackend({
  tables: { entries, tallies },
  collections,
  jobs: { charge, pack, entryChanged, tallyChanged, beat },
  channels: { log },
  routes,
  // the writers all come from one address, and so do those who listen
  limits: { default: { limit: 1_000_000, windowS: 60 } },
})
