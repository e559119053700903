/** Writes how attempts ended: those that come while a write is under way go together in the next one. */

import { wait } from "../core/wait.ts"
import { type EndedAttempt, endQueries, releasedIds } from "./end.ts"
import { type JobSystem, writeJobs } from "./system.ts"

/** Ends that are written at once. */
const MOST_TOGETHER = 50
/** Of their results and errors; a parameter of D1 holds 2 MB. */
const MOST_CHARS = 400_000
/** Pauses before an end that couldn't be written is tried again; the lease lasts longer. */
const PAUSES_MS = [100, 1_000, 3_000]

/** @returns Whether the lease was still ours, so that the row says it now. */
export type WriteEnd = (ended: EndedAttempt) => Promise<boolean>

interface Waiting {
  readonly ended: EndedAttempt
  readonly resolve: (isWritten: boolean) => void
  readonly reject: (error: unknown) => void
}

/**
 * One for each batch of messages: what one event of the platform began, another must not wait for.
 *
 * @param release Tells the queue of jobs that may run now; nothing waits for it, since the other leases run out.
 */
export function createEnds(system: Pick<JobSystem, "d1" | "now">, release: (ids: readonly string[]) => void): WriteEnd {
  const waiting: Waiting[] = []
  let isWriting = false

  async function writeAll(): Promise<void> {
    isWriting = true
    await Promise.resolve()
    while (waiting.length > 0) await writeTogether(takeSome(waiting))
    isWriting = false
  }

  /** One end that can't be written must not keep the others from it. */
  async function writeTogether(items: readonly Waiting[]): Promise<void> {
    try {
      const written = await write(items.map(({ ended }) => ended))
      for (const { ended, resolve } of items) resolve(written.has(ended.job.id))
    } catch {
      await Promise.all(items.map(writeAgain))
    }
  }

  async function writeAgain({ ended, resolve, reject }: Waiting): Promise<void> {
    let failure: unknown
    for (const pauseMs of PAUSES_MS) {
      await wait(pauseMs)
      try {
        return resolve((await write([ended])).has(ended.job.id))
      } catch (error) {
        failure = error
      }
    }
    reject(failure)
  }

  async function write(ended: readonly EndedAttempt[]): Promise<ReadonlySet<unknown>> {
    const [written, ...released] = await writeJobs(system, endQueries(ended, system.now()))
    release(releasedIds(released))
    return new Set(written!.map(({ id }) => id))
  }

  return (ended) =>
    new Promise((resolve, reject) => {
      waiting.push({ ended, resolve, reject })
      if (!isWriting) void writeAll()
    })
}

/** As many as fit, at least one. */
function takeSome(waiting: Waiting[]): Waiting[] {
  let chars = 0
  const beyond = waiting.findIndex(({ ended }, i) => {
    chars += sizeOf(ended)
    return i > 0 && (i >= MOST_TOGETHER || chars > MOST_CHARS)
  })
  return waiting.splice(0, beyond < 0 ? waiting.length : beyond)
}

function sizeOf({ ending }: EndedAttempt): number {
  return ending.state === "succeeded"
    ? ending.result.length
    : ending.error.message.length + (ending.error.stack?.length ?? 0)
}
