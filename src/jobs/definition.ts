/** What the engine knows of a declared job, whoever declared it. */

import type { JobHandle } from "../core/job.ts"

/** Runs a step once over all attempts of a job; the step gets a key that is the same in each of them. */
export type Once = <T>(name: string, step: (key: string) => T | Promise<T>) => Promise<T>

/** What every job gets. */
export interface JobRun {
  readonly jobId: string
  /** 1 for the first. */
  readonly attempt: number
  readonly traceId: string | undefined
  /** Aborted when time is up, or the job was cancelled. */
  readonly signal: AbortSignal
  readonly once: Once
  /** Tells how far it is, such as 30 of 100. */
  progress(done: number, total: number): Promise<void>
  /** D1's bookmark of the claim, which came after the write that the job follows from; null where D1 gave none. */
  readonly bookmark: string | null
}

/** `C` is what `run` gets; the engine's own jobs take the bare {@link JobRun}. */
export interface JobDefinition<C = JobRun> extends JobHandle {
  /** Milliseconds that one attempt may take. */
  readonly timeoutMs: number
  /** Milliseconds until the next attempt, after so many failures. */
  readonly backoffMs: (failures: number) => number
  /** @param input What `check` gave, from JSON. @returns What is kept as the job's result, as JSON. */
  readonly run: (input: unknown, context: C) => unknown
}

export type JobDefinitions<C = JobRun> = ReadonlyMap<string, JobDefinition<C>>

export interface JobLimits {
  /** Further attempts after the first; 5 unless told. */
  retries?: number
  /** Milliseconds before the first retry, doubled with each up to `most`; 1 s and 1 h unless told. Or your own rule. */
  backoff?: { first?: number; most?: number } | ((failures: number) => number)
  /** Milliseconds that one attempt may take, at most 14 minutes; 20 s unless told. */
  timeout?: number
  /** At most so many run at the same time. */
  concurrency?: number
}

const STANDARD_RETRIES = 5
const MOST_RETRIES = 100
export const STANDARD_TIMEOUT_MS = 20_000
/** The platform ends the consumer of a queue after 15 minutes. */
const LONGEST_TIMEOUT_MS = 14 * 60_000
const FIRST_BACKOFF_MS = 1_000
export const LONGEST_BACKOFF_MS = 3_600_000
const NAME = /^[\w.:+-]{1,100}$/

/** @throws TypeError for a limit outside its bounds. */
export function resolveLimits(
  name: string,
  { retries = STANDARD_RETRIES, backoff = {}, timeout, concurrency }: JobLimits,
) {
  const fail = (field: string, bounds: string): never => {
    throw new TypeError(`job ${name}: ${field} must be ${bounds}`)
  }
  const timeoutMs = timeout ?? STANDARD_TIMEOUT_MS
  if (!NAME.test(name)) throw new TypeError(`job ${name}: a name has 1 to 100 letters, digits and _ . : + -`)
  if (!isWhole(retries, 0, MOST_RETRIES)) fail("retries", `0 to ${MOST_RETRIES}`)
  if (!isWhole(timeoutMs, 1, LONGEST_TIMEOUT_MS)) fail("timeout", `1 to ${LONGEST_TIMEOUT_MS} ms`)
  if (concurrency !== undefined && !isWhole(concurrency, 1, 1_000)) fail("concurrency", "1 to 1,000")
  return { name, maxAttempts: retries + 1, timeoutMs, concurrency, backoffMs: backoffRule(name, backoff) }
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}

function backoffRule(name: string, backoff: NonNullable<JobLimits["backoff"]>): (failures: number) => number {
  if (typeof backoff === "function") return backoff
  const { first = FIRST_BACKOFF_MS, most = LONGEST_BACKOFF_MS } = backoff
  if (!(first >= 0) || !(most >= first)) throw new TypeError(`job ${name}: backoff must have 0 ≤ first ≤ most`)
  return (failures) => Math.min(most, first * 2 ** (failures - 1))
}
