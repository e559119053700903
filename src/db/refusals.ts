/** What a database that doesn't answer is to the caller. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "./errors.ts"

/** Seconds; callers that were refused together come back apart. */
const [FIRST_RETRY_S, LAST_RETRY_S] = [1, 3]

/** What a failed call is to the caller, where nothing more is known of it; an error that tells nothing stays as it is. */
export function refusal(error: unknown): unknown {
  if (error instanceof SelvedgeError) return error
  const { kind } = readFailure(error)
  return kind === "overloaded" || kind === "transient" ? busy(error) : error
}

export function busy(cause?: unknown): SelvedgeError {
  return new SelvedgeError("overloaded", "The database is busy; try again.", { headers: retryAfter(), cause })
}

export function tooSlow(): SelvedgeError {
  return new SelvedgeError("timeout", "The database took too long.", { headers: retryAfter() })
}

function retryAfter(): Record<string, string> {
  const seconds = FIRST_RETRY_S + Math.floor(Math.random() * (LAST_RETRY_S - FIRST_RETRY_S + 1))
  return { "Retry-After": String(seconds) }
}
