/** One attempt of one job: its context, its lease and its time limit. */

import type { Clock } from "../core/clock.ts"
import { JobFailure } from "../core/job.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { LEASE_MS, renewQuery } from "./claim.ts"
import type { JobDefinition, JobRun } from "./definition.ts"
import { toResultText } from "./json-text.ts"
import type { ClaimedJob } from "./row.ts"
import { createOnce } from "./steps.ts"

const RENEWAL_MS = LEASE_MS / 3

export interface RunOptions {
  readonly now: Clock
  write(queries: readonly Query[]): Promise<ResultRow[][]>
}

/**
 * @returns The result, as JSON.
 * @throws What the job threw, or a `JobFailure` when its time was up or its lease lost.
 */
export async function runJob(job: ClaimedJob, definition: JobDefinition, { now, write }: RunOptions): Promise<string> {
  const abort = new AbortController()
  const { signal } = abort
  let progress: readonly [number, number] | undefined
  function lost(): never {
    abort.abort(new JobFailure("the job was cancelled, or its lease expired"))
    throw signal.reason
  }
  async function renew(): Promise<void> {
    const told = progress
    progress = undefined
    const [rows] = await write([renewQuery(job.id, job.claim, now(), told)])
    if (rows!.length === 0) lost()
  }
  // a renewal that fails is tried again before the lease ends; when none gets through, somebody else runs the job
  const renewal = setInterval(() => void renew().catch(() => {}), RENEWAL_MS)
  const timeout = setTimeout(
    () => abort.abort(new JobFailure(`it took longer than ${definition.timeoutMs} ms`)),
    definition.timeoutMs,
  )
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason))
  })
  const context: JobRun = {
    jobId: job.id,
    attempt: job.attempts,
    traceId: job.traceId ?? undefined,
    bookmark: job.bookmark,
    signal,
    once: createOnce(job, now, write, lost),
    async progress(done, total) {
      if (!(done >= 0) || !(total >= 0)) throw new TypeError("progress takes two numbers from 0")
      signal.throwIfAborted()
      progress = [done, total]
      await renew()
    },
  }
  try {
    const result = await Promise.race([
      Promise.resolve().then(() => definition.run(JSON.parse(job.input), context)),
      aborted,
    ])
    return toResultText(`job ${job.name}`, result)
  } finally {
    clearInterval(renewal)
    clearTimeout(timeout)
  }
}
