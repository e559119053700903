/** A job as a statement, so that it can stand in the batch of the write that it follows from. */

import type { Clock } from "../core/clock.ts"
import type { Enqueue, Enqueued, EnqueueOptions, JobHandle } from "../core/job.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"
import { toJsonText } from "./json-text.ts"

/** A row of D1 holds 2 MB, and the errors of all attempts stand beside the input. */
export const MOST_INPUT_BYTES = 256 * 1024
/** A message that wasn't answered by then is taken for lost. */
export const LOST_AFTER_MS = 30_000
/** The last time that a `Date` can hold. */
export const LATEST = 8_640_000_000_000_000
/** An equal job may end between our insert, which it stops, and our question for it. */
const MOST_TRIES = 5

/** One job to be stored. */
export interface NewJob {
  readonly id: string
  readonly name: string
  /** JSON. */
  readonly input: string
  readonly maxAttempts: number
  readonly runAt: number
  readonly uniqueKey?: string | undefined
  readonly lane?: string | undefined
  readonly laneWidth?: number | undefined
  readonly traceId?: string | undefined
}

/** A job with a limit of its own has a lane of its own. */
export function laneOf({
  name,
  concurrency,
}: Pick<JobHandle, "name" | "concurrency">): Pick<NewJob, "lane" | "laneWidth"> {
  return concurrency === undefined ? {} : { lane: name, laneWidth: concurrency }
}

/** @param condition SQL with its parameters; where it doesn't hold, no job is stored. */
export function insertJob(job: NewJob, now: number, condition?: Query): Query {
  const isLater = job.runAt > now
  const params = [
    ...[job.id, job.name, job.input, job.maxAttempts, job.runAt, isLater ? job.runAt : now + LOST_AFTER_MS],
    ...[job.uniqueKey ?? null, job.lane ?? null, job.laneWidth ?? null, job.traceId ?? null, now],
  ]
  return {
    sql: `INSERT INTO _jobs (id, name, state, input, max_attempts, run_at, due_at, unique_key, lane, lane_width, trace_id, created_at)
SELECT ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE ${condition?.sql ?? "1"} ON CONFLICT DO NOTHING RETURNING id`,
    params: [...params, ...(condition?.params ?? [])],
  }
}

/** @throws TypeError for an input that the job refuses, or that is too large. */
export function newJob<I>(
  job: JobHandle<I>,
  input: I,
  { delay, runAt, unique }: EnqueueOptions,
  { now, traceId }: { now: number; traceId: string | undefined },
): NewJob {
  const stored = toJsonText(`job ${job.name}: its input`, job.check(input), MOST_INPUT_BYTES)
  const at = runAt?.getTime() ?? now + (delay ?? 0)
  if (!(Math.abs(at) <= LATEST)) throw new TypeError(`job ${job.name}: runAt or delay is no time`)
  return {
    id: newId(),
    name: job.name,
    input: stored,
    maxAttempts: job.maxAttempts,
    runAt: Math.max(Math.round(at), now),
    uniqueKey: unique ?? job.uniqueKey?.(input),
    ...laneOf(job),
    traceId,
  }
}

export interface EnqueueContext {
  readonly now: Clock
  readonly traceId: string | undefined
  /** Runs one statement by itself. */
  write(query: Query): Promise<readonly ResultRow[][]>
  /** Told of each job that was committed. */
  committed(job: { id: string; runAt: number }): void
}

export function createEnqueue(context: EnqueueContext): Enqueue {
  return (job, input, options = {}): Enqueued => {
    const now = context.now()
    const made = newJob(job, input, options, { now, traceId: context.traceId })
    const committed = () => context.committed(made)
    const toSQL = (condition?: string) => {
      const { sql, params } = insertJob(made, now, condition === undefined ? undefined : { sql: condition, params: [] })
      return { sql, params: [...params] }
    }
    return {
      id: made.id,
      toSQL,
      committed,
      // biome-ignore lint/suspicious/noThenProperty: awaiting it is what runs it
      then: (fulfilled, rejected) => store(made, toSQL(), context).then(fulfilled, rejected),
    }
  }
}

/** @returns The id of the job, or of the equal one that stands for it. */
async function store(job: NewJob, insert: Query, { write, committed }: EnqueueContext): Promise<{ id: string }> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const [stored] = await write(insert)
    if (stored!.length > 0) {
      committed(job)
      return { id: job.id }
    }
    const [standing] = await write(standingQuery(job))
    if (standing![0]) return { id: standing![0].id as string }
  }
  throw new Error(`job ${job.name}: jobs with its unique key end as fast as it is stored`)
}

function standingQuery({ id, name, uniqueKey }: NewJob): Query {
  return {
    sql: "SELECT id FROM _jobs WHERE id = ?1 UNION ALL SELECT id FROM _jobs WHERE name = ?2 AND unique_key = ?3 AND finished_at IS NULL",
    params: [id, name, uniqueKey ?? null],
  }
}
