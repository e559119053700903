/** What a job threw, whatever it was, as the entry that its row keeps. */

import type { ClaimedJob, JobError } from "./row.ts"

const MOST_MESSAGE_CHARS = 2_000
const MOST_STACK_CHARS = 8_000
const MOST_CAUSES = 5

export function toJobError(
  { attempts, startedAt }: Pick<ClaimedJob, "attempts" | "startedAt">,
  error: unknown,
  now: number,
): JobError {
  return {
    attempt: attempts,
    at: now,
    durationMs: now - startedAt,
    message: messageOf(error).slice(0, MOST_MESSAGE_CHARS),
    stack: stackOf(error)?.slice(0, MOST_STACK_CHARS) ?? null,
  }
}

/** Anything can be thrown, also what refuses to become text. */
function messageOf(error: unknown): string {
  try {
    if (error instanceof Error) return String(error.message) || error.name
    if (typeof error === "object" && error !== null) return JSON.stringify(error) ?? "it threw an object"
    return String(error)
  } catch {
    return "it threw what can't be told as text"
  }
}

/** With those of its causes: the outermost error often says only that a statement failed. */
function stackOf(error: unknown): string | undefined {
  try {
    const stacks: string[] = []
    for (let cause = error; cause instanceof Error && stacks.length < MOST_CAUSES; cause = cause.cause)
      stacks.push(String(cause.stack ?? cause))
    return stacks.length > 0 ? stacks.join("\ncaused by ") : undefined
  } catch {
    return undefined
  }
}
