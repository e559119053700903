/** The form of jobs and schedules in answers. */

import * as z from "zod"

export const JOB_STATES = ["queued", "running", "retrying", "succeeded", "dead", "cancelled"] as const

const text = z.string()
const time = z.iso.datetime()
const stack = text.nullable()

export const jobSchema = z.object({
  id: text,
  name: text,
  state: z.enum(JOB_STATES),
  input: z.unknown(),
  result: z.unknown().describe("Null until it has succeeded."),
  attempts: z.int().describe("Begun so far, since it was enqueued or retried."),
  maxAttempts: z.int(),
  runAt: time.describe("The next attempt is made no earlier."),
  startedAt: time.nullable().describe("Of the newest attempt."),
  finishedAt: time.nullable(),
  error: z.object({ message: text, stack }).nullable().describe("The newest of `errors`."),
  errors: z
    .array(z.object({ attempt: z.int(), at: time, durationMs: z.number(), message: text, stack }))
    .describe("One for each attempt that failed, the newest last; the newest 20 are kept."),
  progress: z.object({ done: z.number(), total: z.number() }).nullable(),
  traceId: text.nullable(),
  createdAt: time,
})

export const scheduleSchema = z.object({
  name: text,
  cron: text,
  timeZone: text,
  nextAt: time,
  lastAt: time.nullable(),
  lastJob: jobSchema
    .omit({ errors: true })
    .nullable()
    .describe("Of the newest run; null before the first, and once it is discarded."),
})
