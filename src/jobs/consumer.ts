/** Takes messages of the queue: claims their jobs, runs them side by side, and writes how they ended. */

import { claimQuery } from "./claim.ts"
import { STANDARD_TIMEOUT_MS } from "./definition.ts"
import { createDispatcher, type Dispatcher } from "./dispatch.ts"
import { type Ending, endQueries, failureEnding, releasedIds } from "./end.ts"
import { buryMessages, type QueueMessage, readMessages } from "./messages.ts"
import { type ClaimedJob, toClaimed } from "./row.ts"
import { runJob } from "./run.ts"
import { type JobSystem, writeJobs } from "./system.ts"

/** Jobs that one isolate runs at a time; a batch beyond them waits. */
const MOST_RUNNING = 200
/** How long a batch waits for its jobs before it makes way for the next one. */
const PATIENCE_MS = 50
/** After a batch has ended the platform lets its work go on for 30 s. Longer jobs are waited for. */
const MAY_OUTLIVE_MS = STANDARD_TIMEOUT_MS
const RETRY_DELAY_S = 5

const running = new Set<Promise<unknown>>()

/**
 * Messages are only hints, so all of them are answered: one that comes twice, late or for a job that was cancelled finds
 * nothing to claim.
 *
 * @param later Takes work that may outlive the batch.
 */
export async function consume(
  messages: readonly QueueMessage[],
  system: JobSystem,
  later: (work: Promise<unknown>) => void,
): Promise<void> {
  while (running.size >= MOST_RUNNING) await Promise.race(running)
  const { ids, foreign } = readMessages(messages)
  const jobs = await claim(messages, ids, foreign, system)
  const dispatcher = createDispatcher({ ...system, later })
  const long: Promise<void>[] = []
  const all = jobs.map((job) => {
    const work = finish(job, system, dispatcher).finally(() => running.delete(work))
    running.add(work)
    later(work)
    const timeoutMs = system.definitions.get(job.name)?.timeoutMs ?? 0
    if (timeoutMs > MAY_OUTLIVE_MS && !system.isLocal) long.push(work)
    return work
  })
  await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))])
  await Promise.all(long)
}

/** @returns Nothing when the database is away: the queue brings the messages again. */
async function claim(
  messages: readonly QueueMessage[],
  ids: readonly string[],
  foreign: readonly QueueMessage[],
  system: JobSystem,
): Promise<ClaimedJob[]> {
  const { now, log } = system
  const query = claimQuery(ids, crypto.randomUUID(), now())
  try {
    const [rows] = await writeJobs(system, [query, ...buryMessages(foreign, "this is no message of ours", now())])
    for (const message of messages) message.ack()
    return rows!.map(toClaimed)
  } catch (error) {
    log({ level: "error", event: "jobs_not_claimed", count: messages.length, causes: [String(error)] })
    for (const message of messages) message.retry({ delaySeconds: RETRY_DELAY_S })
    return []
  }
}

/** Never throws: a job whose end can't be written runs again when its lease has expired. */
async function finish(job: ClaimedJob, system: JobSystem, dispatcher: Dispatcher): Promise<void> {
  const ending = await attempt(job, system)
  const { now, log } = system
  try {
    const [ended, ...released] = await writeJobs(system, endQueries(job, ending, now()))
    if (ended!.length === 0) return
    report(job, ending, system)
    if (released.length > 0) await dispatcher.send(releasedIds(released))
    if (ending.state === "retrying") await dispatcher.wakeClockBy(ending.runAt)
  } catch (error) {
    log({ level: "error", event: "job_end_not_written", job: job.name, jobId: job.id, causes: [String(error)] })
  }
}

async function attempt(job: ClaimedJob, system: JobSystem): Promise<Ending> {
  const { definitions, now } = system
  const definition = definitions.get(job.name)
  const facts = { now: now(), backoffMs: definition?.backoffMs ?? (() => 0), random: Math.random() }
  if (!definition)
    return failureEnding({ ...job, attempts: job.maxAttempts }, new Error(`there is no job ${job.name}`), facts)
  try {
    const result = await runJob(job, definition, { now, write: (queries) => writeJobs(system, queries) })
    return { state: "succeeded", result }
  } catch (error) {
    return failureEnding(job, error, { ...facts, now: now() })
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
