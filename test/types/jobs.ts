/** What must and must not compile of jobs; `npm run types` is the test. */

import { collection, type Enqueue, type Job, type JobContext, job, on, schedule, signedIn } from "selvedge"
import * as z from "zod"
import * as tables from "../fixture/schema.ts"

const { notes } = tables

/** Its type is spelled out, because the collections below name it, and its own context names them. */
export const index: Job<{ noteId: string; depth?: number | undefined }> = job("index", {
  input: z.object({ noteId: z.string(), depth: z.number().default(1) }),
  unique: ({ noteId }) => noteId,
  run: async ({ noteId, depth }, ctx: JobContext<typeof collections>) => {
    depth satisfies number
    const note = await ctx.records("service").notes.get(noteId)
    note.title satisfies string
    // @ts-expect-error a record has no such field
    note.titel
    // @ts-expect-error there is no such collection
    ctx.records("service").nothing
    const charged = await ctx.once("charge", (key) => ({ key, cents: 5 }))
    charged.cents satisfies number
    // @ts-expect-error a step keeps the type of its result
    charged.euros
    await ctx.progress(1, 2)
    ctx.signal satisfies AbortSignal
    // @ts-expect-error a statement of another kind
    await ctx.atomic([5])
    await ctx.atomic([ctx.enqueue(index, { noteId }), ctx.records("service").notes.update(noteId, { rank: 1 })])
  },
})

const collections = {
  notes: collection(notes, {
    access: { create: signedIn },
    jobs: {
      create: ({ id, caller, input, enqueue }) => {
        caller.kind satisfies string
        input.title satisfies string | undefined
        // @ts-expect-error the table has no such column
        input.titel
        return [enqueue(index, { noteId: id })]
      },
      update: ({ id, input, enqueue }) => (input.title === undefined ? [] : [enqueue(index, { noteId: id })]),
      delete: ({ id, input, enqueue }) => {
        input satisfies undefined
        return [enqueue(index, { noteId: id }, { delay: 1_000 })]
      },
    },
  }),
}

// @ts-expect-error jobs are given as a list
collection(notes, { access: {}, jobs: { create: ({ id, enqueue }) => enqueue(index, { noteId: id }) } })

// @ts-expect-error there is no such write
collection(notes, { access: {}, jobs: { read: () => [] } })

export async function enqueues(enqueue: Enqueue) {
  const { id } = await enqueue(index, { noteId: "1" }, { runAt: new Date(0) })
  id satisfies string
  // @ts-expect-error a field is missing
  enqueue(index, {})
  // @ts-expect-error a field is of another type
  enqueue(index, { noteId: 5 })
  // @ts-expect-error a delay is a number
  enqueue(index, { noteId: "1" }, { delay: "1 s" })
}

export const inferred = job("inferred", {
  input: z.object({ at: z.iso.datetime().transform((text) => new Date(text)) }),
  run: ({ at }, ctx) => {
    at satisfies Date
    ctx.attempt satisfies number
    // @ts-expect-error the input has no such field
    at.noteId
  },
})
inferred satisfies Job<{ at: string }>

export const reaction = on(
  notes,
  ["updated"],
  async ({ before, after, event }, ctx: JobContext<typeof collections>) => {
    before?.title satisfies string | undefined
    after?.rank satisfies number | null | undefined
    event satisfies "created" | "updated" | "deleted"
    // @ts-expect-error a record has no such field
    after?.titel
    const page = await ctx.records("service").notes.list()
    page.data[0]!.title satisfies string
  },
)

// @ts-expect-error there is no such event
on(notes, ["changed"], () => {})

export const report = schedule("report", {
  cron: "0 6 1 * *",
  timeZone: "Europe/Berlin",
  run: ({ scheduledFor }, ctx: JobContext<typeof collections>) => {
    scheduledFor satisfies Date
    ctx.records("service").notes
  },
})

// @ts-expect-error a schedule needs an expression
schedule("report", { run: () => {} })
