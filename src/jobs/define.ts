/** How an application declares its jobs: `job`, `on` and `schedule`. */

import { getTableName } from "drizzle-orm"
import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import type * as z from "zod"
import type { CollectionDefinition } from "../access/collection.ts"
import { JobFailure, type JobHandle, JobInputError } from "../core/job.ts"
import type { WireRecordOf } from "../schema/wire-types.ts"
import type { JobContext } from "./context.ts"
import { type JobDefinition, type JobLimits, resolveLimits } from "./definition.ts"
import { MOST_INPUT_BYTES } from "./enqueue.ts"
import { toJsonText } from "./json-text.ts"
import { checkExpression, type Schedule } from "./schedules.ts"

type Definitions = Readonly<Record<string, CollectionDefinition>>

export interface JobOptions<S extends z.ZodType> extends JobLimits {
  /** What it takes, as JSON; checked when it is enqueued and again when it runs. */
  input: S
  /** Of the jobs with equal keys, one that hasn't ended stands for all. */
  unique?: (input: z.input<S>) => string
  /** What it returns is kept as its result, as JSON of at most 64 KiB. Throw a `JobFailure` to say what becomes of it. */
  run(input: z.output<S>, context: JobContext): unknown
}

/** A declared job; hand it to `enqueue`. */
export interface Job<I = never> extends JobHandle<I> {
  readonly kind: "job"
  readonly definition: JobDefinition<JobContext>
}

/**
 * Work that is done after the answer, at least once, and ends as `succeeded`, `dead` or `cancelled`.
 *
 * @throws TypeError for a limit outside its bounds.
 * @example
 * export const receipt = job("receipt", { input: z.object({ orderId: z.uuid() }), run: ({ orderId }, ctx) => … })
 */
export function job<S extends z.ZodType>(name: string, options: JobOptions<S>): Job<z.input<S>> {
  const limits = resolveLimits(name, options)
  const handle: JobHandle<z.input<S>> = {
    ...limits,
    check: (input) => {
      parse(name, options.input, asStored(name, input))
      return input
    },
    uniqueKey: options.unique,
  }
  const run = (input: unknown, context: JobContext) => options.run(parseStored(name, options.input, input), context)
  return { ...handle, kind: "job", definition: { ...(handle as JobHandle), ...limits, run } }
}

/** What the job will be given: a `Date`, say, is text by then. */
function asStored(name: string, input: unknown): unknown {
  return JSON.parse(toJsonText(`job ${name}: its input`, input, MOST_INPUT_BYTES))
}

/** No further attempt would read it better: the schema has changed since, or somebody has edited the input. */
function parseStored<S extends z.ZodType>(name: string, schema: S, input: unknown): z.output<S> {
  try {
    return parse(name, schema, input)
  } catch (error) {
    throw new JobFailure((error as Error).message, { final: true, cause: error })
  }
}

function parse<S extends z.ZodType>(name: string, schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  throw new JobInputError(name, result.error.issues)
}

export type ChangeEvent = "created" | "updated" | "deleted"

/** A committed change, as a reaction sees it. */
export interface RecordChange<T extends SQLiteTable> {
  readonly event: ChangeEvent
  readonly id: string
  /** Moves with each change of the database. */
  readonly seq: number
  /** The record before; null when it was created. */
  readonly before: WireRecordOf<T> | null
  /** The record after; null when it was deleted. */
  readonly after: WireRecordOf<T> | null
}

export interface ReactionOptions extends JobLimits {
  /** Of its jobs; made of the table and the events unless told. */
  name?: string
}

export interface Reaction {
  readonly kind: "reaction"
  readonly table: SQLiteTable
  readonly events: readonly ChangeEvent[]
  readonly job: ReturnType<typeof resolveLimits>
  readonly handler: (change: never, context: never) => unknown
}

/**
 * Runs `handler` as a job for each change of the table, at least once, whoever made it; those of one record in order.
 *
 * @example
 * on(reviews, ["created"], async ({ after }, ctx) => { … })
 */
export function on<T extends SQLiteTable, C extends Definitions = Definitions>(
  table: T,
  events: readonly ChangeEvent[],
  handler: (change: RecordChange<T>, context: JobContext<C>) => unknown,
  { name = `on:${getTableName(table)}:${events.join("+")}`, ...limits }: ReactionOptions = {},
): Reaction {
  if (events.length === 0) throw new TypeError(`${name}: it names no event`)
  return { kind: "reaction", table, events, job: resolveLimits(name, limits), handler }
}

export interface ScheduleOptions extends JobLimits {
  /** Five fields, or six with seconds. */
  cron: string
  /** IANA name; `UTC` unless told. */
  timeZone?: string
  run(tick: { scheduledFor: Date }, context: JobContext): unknown
}

export interface ScheduledJob {
  readonly kind: "schedule"
  readonly schedule: Schedule
  readonly definition: JobDefinition<JobContext>
}

/**
 * A job that comes by the calendar. Runs missed while nothing ran are caught up once.
 *
 * A time zone that isn't one is an error in the log when the clock starts, and keeps `npm run deploy` from deploying.
 *
 * @throws TypeError for an expression that isn't one.
 * @example
 * schedule("sales-report", { cron: "0 6 1 * *", timeZone: "Europe/Berlin", run: (tick, ctx) => … })
 */
export function schedule(name: string, { cron, timeZone = "UTC", run, ...options }: ScheduleOptions): ScheduledJob {
  const limits = resolveLimits(name, options)
  checkExpression(name, cron)
  return {
    kind: "schedule",
    schedule: { name, cron, timeZone, maxAttempts: limits.maxAttempts, concurrency: limits.concurrency },
    definition: {
      ...limits,
      check: (input) => input,
      uniqueKey: undefined,
      run: (input, context) =>
        run({ scheduledFor: new Date((input as { scheduledFor: number }).scheduledFor) }, context),
    },
  }
}
