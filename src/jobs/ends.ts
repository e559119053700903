/** Writes how attempts ended: those that come while a write is under way go together in the next one. */

import type { ResultRow } from "../db/query.ts"
import { type Ending, endQueries } from "./end.ts"
import type { ClaimedJob } from "./row.ts"
import { type JobSystem, writeJobs } from "./system.ts"

/** Ends that are written at once; each may hold a result of 64 KiB. */
const MOST_TOGETHER = 50
/** Pauses before an end that couldn't be written is tried again; the lease lasts longer. */
const PAUSES_MS = [100, 1_000, 3_000]

export interface Ended {
  /** Whether the lease was still ours, so that the row says it now. */
  readonly isWritten: boolean
  /** Rows of jobs that may run because of it. */
  readonly released: readonly ResultRow[][]
}

export type WriteEnd = (job: ClaimedJob, ending: Ending) => Promise<Ended>

interface Waiting {
  readonly job: ClaimedJob
  readonly ending: Ending
  readonly resolve: (ended: Ended) => void
  readonly reject: (error: unknown) => void
}

/** One for each batch of messages: what one event of the platform began, another must not wait for. */
export function createEnds(system: Pick<JobSystem, "d1" | "now">): WriteEnd {
  const waiting: Waiting[] = []
  let isWriting = false

  async function write(): Promise<void> {
    isWriting = true
    await Promise.resolve()
    while (waiting.length > 0) await writeTogether(waiting.splice(0, MOST_TOGETHER), system)
    isWriting = false
  }

  return (job, ending) =>
    new Promise((resolve, reject) => {
      waiting.push({ job, ending, resolve, reject })
      if (!isWriting) void write()
    })
}

/** Never throws. One end that can't be written must not keep the others from it. */
async function writeTogether(items: readonly Waiting[], system: Pick<JobSystem, "d1" | "now">): Promise<void> {
  const parts = items.map(({ job, ending }) => endQueries(job, ending, system.now()))
  try {
    const rows = await writeJobs(system, parts.flat())
    let start = 0
    for (const [i, { resolve }] of items.entries()) {
      const [ended, ...released] = rows.slice(start, start + parts[i]!.length)
      start += parts[i]!.length
      resolve({ isWritten: ended!.length > 0, released: ended!.length > 0 ? released : [] })
    }
  } catch {
    await Promise.all(items.map((item) => writeAgain(item, system)))
  }
}

/** An earlier try may have been committed although it failed here: those that wait are told all the same. */
async function writeAgain(
  { job, ending, resolve, reject }: Waiting,
  system: Pick<JobSystem, "d1" | "now">,
): Promise<void> {
  let failure: unknown
  for (const pauseMs of PAUSES_MS) {
    await new Promise((done) => setTimeout(done, pauseMs))
    try {
      const [ended, ...released] = await writeJobs(system, endQueries(job, ending, system.now()))
      return resolve({ isWritten: ended!.length > 0, released })
    } catch (error) {
      failure = error
    }
  }
  reject(failure)
}
