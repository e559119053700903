/** Takes messages of the queue: claims their jobs, runs them side by side, and writes how they ended. */

import type { Later } from "../core/later.ts"
import { wait } from "../core/wait.ts"
import { Database } from "../db/database.ts"
import { claimQuery } from "./claim.ts"
import { STANDARD_TIMEOUT_MS } from "./definition.ts"
import { createDispatcher, type Dispatcher } from "./dispatch.ts"
import { type Ending, failureEnding } from "./end.ts"
import { createEnds, type WriteEnd } from "./ends.ts"
import { buryMessages, type QueueMessage, readMessages } from "./messages.ts"
import { type ClaimedJob, toClaimed } from "./row.ts"
import { runJob } from "./run.ts"
import { type JobSystem, writeJobs } from "./system.ts"

/** Jobs that one isolate runs at a time; a batch beyond them waits. */
const MOST_RUNNING = 200
const ROOM_CHECK_MS = 20
/** After its time is up, a job's end is written by then. */
const SETTLES_WITHIN_MS = 30_000
/** How long a batch waits for its jobs before it makes way for the next one. */
const PATIENCE_MS = 10
/** After a batch has ended the platform lets its work go on for 30 s. Longer jobs are waited for. */
const MAY_OUTLIVE_MS = STANDARD_TIMEOUT_MS
const FIRST_RETRY_S = 5
const LONGEST_RETRY_S = 300
/** While a deploy spreads, a job may come to a Worker that doesn't know it yet. */
const UNKNOWN_BACKOFF_MS = 60_000

/** When each job that this isolate runs is over for sure: the platform may end a run without a word. */
const running = new Set<{ readonly overAt: number }>()

/**
 * Messages are only hints, so all of them are answered: one that comes twice, late or for a job that was cancelled finds
 * nothing to claim.
 *
 * @param later Takes work that may outlive the batch.
 */
export async function consume(messages: readonly QueueMessage[], system: JobSystem, later: Later): Promise<void> {
  // by its own timer: the runtime takes an event for hung that only waits for what others do
  while (countRunning(system.now()) >= MOST_RUNNING) await wait(ROOM_CHECK_MS)
  const jobs = await claim(messages, system)
  const dispatcher = createDispatcher({ ...system, later })
  const writeEnd = createEnds(system, (ids) => {
    for (const id of ids) dispatcher.committed({ id, runAt: 0 })
  })
  const long: Promise<void>[] = []
  const all = jobs.map((job) => {
    const timeoutMs = system.definitions.get(job.name)?.timeoutMs ?? 0
    const run = { overAt: system.now() + timeoutMs + SETTLES_WITHIN_MS }
    running.add(run)
    const work = finish(job, system, dispatcher, writeEnd).finally(() => running.delete(run))
    later(work)
    if (timeoutMs > MAY_OUTLIVE_MS && !system.isLocal) long.push(work)
    return work
  })
  await Promise.race([Promise.all(all), wait(PATIENCE_MS)])
  await Promise.all(long)
}

function countRunning(now: number): number {
  for (const run of running) if (run.overAt <= now) running.delete(run)
  return running.size
}

/** @returns Nothing when the database is away: the queue brings the messages again. */
async function claim(messages: readonly QueueMessage[], system: JobSystem): Promise<ClaimedJob[]> {
  const { now, log } = system
  const { ids, foreign } = readMessages(messages)
  const query = claimQuery(ids, crypto.randomUUID(), now())
  const db = new Database(system.d1)
  try {
    const [rows] = await db.write([query, ...buryMessages(foreign, "this is no message of ours", now())])
    for (const message of messages) message.ack()
    return rows!.map((row) => toClaimed(row, db.d1Bookmark))
  } catch (error) {
    log({ level: "error", event: "jobs_not_claimed", count: messages.length, causes: [String(error)] })
    for (const message of messages) message.retry({ delaySeconds: retryDelay(message) })
    return []
  }
}

/** The platform gives up after some deliveries: they must outlast a database that is away for minutes. */
function retryDelay({ attempts = 1 }: QueueMessage): number {
  return Math.min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** (attempts - 1))
}

/** Never throws: a job whose end can't be written runs again when its lease has expired. */
async function finish(job: ClaimedJob, system: JobSystem, dispatcher: Dispatcher, writeEnd: WriteEnd): Promise<void> {
  const { log } = system
  const facts = { job: job.name, jobId: job.id }
  try {
    const ending = await attempt(job, system)
    if (!(await writeEnd({ job, ending }))) return
    report(job, ending, system)
    if (ending.state === "retrying") dispatcher.committed({ id: job.id, runAt: ending.runAt })
  } catch (error) {
    log({ level: "error", event: "job_not_settled", ...facts, causes: [String(error)] })
  }
}

async function attempt(job: ClaimedJob, system: JobSystem): Promise<Ending> {
  const { definitions, now } = system
  const definition = definitions.get(job.name)
  const backoffMs = definition?.backoffMs ?? (() => UNKNOWN_BACKOFF_MS)
  try {
    if (!definition) throw new Error(`there is no job ${job.name}`)
    const result = await runJob(job, definition, { now, write: (queries) => writeJobs(system, queries) })
    return { state: "succeeded", result }
  } catch (error) {
    return failureEnding(job, error, { now: now(), backoffMs, random: Math.random() })
  }
}

function report(job: ClaimedJob, ending: Ending, { now, log }: JobSystem): void {
  log({
    level: ending.state === "dead" ? "error" : "info",
    event: "job",
    job: job.name,
    jobId: job.id,
    trace: job.traceId ?? undefined,
    state: ending.state,
    attempt: job.attempts,
    durationMs: now() - job.startedAt,
    ...("error" in ending && { cause: ending.error.message }),
  })
}
