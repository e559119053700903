/** What a job is to those who enqueue one. */

export type JobState = "queued" | "running" | "retrying" | "succeeded" | "dead" | "cancelled"

/** A declared job, as far as enqueueing needs it. `I` is the input that it takes. */
export interface JobHandle<I = never> {
  readonly name: string
  /** Attempts before it is dead. */
  readonly maxAttempts: number
  /** At most so many run at the same time; undefined for any number. */
  readonly concurrency: number | undefined
  /** Checks the input, and gives what is stored of it. @throws TypeError */
  readonly check: (input: I) => unknown
  /** Of the jobs with equal keys, one that hasn't ended stands for all. */
  readonly uniqueKey: ((input: I) => string) | undefined
}

export interface EnqueueOptions {
  /** Milliseconds to wait; any length. */
  delay?: number
  /** When to run, instead of `delay`; a time that has passed means now. */
  runAt?: Date
  /** In place of the key that the job's own `unique` gives. */
  unique?: string
}

/**
 * A statement that stores a job: hand it to `atomic([...])`, or await it to run it alone. Awaited, it gives the id of the
 * job that will run: where an equal one hasn't ended, that one's.
 */
export interface Enqueued extends PromiseLike<{ id: string }> {
  /** Of this job; where an equal one waits already, that one keeps its own. */
  readonly id: string
  /** @param condition SQL that must hold for the job to be stored. */
  toSQL(condition?: string): { sql: string; params: unknown[] }
  /** Called once the statement is committed: it sends the message. */
  committed(): void
}

export type Enqueue = <I>(job: JobHandle<I>, input: I, options?: EnqueueOptions) => Enqueued

/** Thrown by a job to say what becomes of it; any other error is retried by the job's own backoff. */
export class JobFailure extends Error {
  /** No further attempt would help: it is dead at once. */
  readonly final: boolean
  /** Milliseconds until the next attempt, in place of the backoff's. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: { final?: boolean; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = "JobFailure"
    this.final = options.final ?? false
    this.retryAfterMs = options.retryAfterMs
  }
}

/** An input that a job refuses. */
export class JobInputError extends TypeError {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly code: string; readonly message: string }[]

  constructor(job: string, issues: JobInputError["issues"]) {
    const [first] = issues
    super(`job ${job}: the input's ${first?.path.join(".") || "value"}: ${first?.message}`)
    this.issues = issues
  }
}
