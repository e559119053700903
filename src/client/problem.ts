/** Refusals as a client sees them. */

import type { ProblemCode, ProblemDetail } from "../core/problem.ts"

/**
 * Of the API (RFC 9457), of an application's own routes such as `out_of_stock`, or `unreachable` when there was no answer.
 */
export type KnownCode = ProblemCode | "unreachable"

/** The body of a refusal. */
export interface ProblemBody {
  readonly code: string
  readonly status: number
  readonly title?: string
  readonly detail: string
  readonly requestId?: string
  readonly errors?: readonly ProblemDetail[]
  /** Of a batch: which of its operations was refused. */
  readonly operation?: number
  /** Seconds, on live problems. */
  readonly retryAfter?: number
}

/** What the API refuses, thrown. `message` is the problem's `detail`, which can be shown to people. */
export class ProblemError extends Error {
  declare readonly code: KnownCode | (string & {})
  /** Of HTTP; 0 when there was no answer. */
  declare readonly status: number
  /** Finds the line in the server's log. */
  declare readonly requestId: string | undefined
  /** Which fields or parameters are wrong, and how. */
  declare readonly errors: readonly ProblemDetail[]
  declare readonly operation: number | undefined
  /** Seconds after which it may be tried again. */
  declare readonly retryAfter: number | undefined

  constructor(body: ProblemBody, options?: ErrorOptions) {
    const { detail, code, status, requestId, errors = [], operation, retryAfter } = body
    super(detail, options)
    Object.assign(this, { name: "ProblemError", code, status, requestId, errors, operation, retryAfter })
  }
}

/**
 * Whether something that was thrown is a refusal, and of these codes.
 *
 * @example
 * if (isProblem(error, "conflict")) say("You have reviewed this film already.")
 */
export function isProblem(error: unknown, ...codes: readonly (KnownCode | (string & {}))[]): error is ProblemError {
  return error instanceof ProblemError && (codes.length === 0 || codes.includes(error.code))
}

/** One that the client finds by itself. */
export function refusal(code: string, status: number, detail: string, cause?: unknown): ProblemError {
  return new ProblemError({ code, status, detail }, { cause })
}

/** No answer came, after all tries. */
export function unreachable(cause?: unknown): ProblemError {
  return refusal("unreachable", 0, "The server can't be reached.", cause)
}

/** Of answers that don't say it. */
const CODES: Readonly<Record<number, KnownCode>> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not_found",
  413: "payload_too_large",
  429: "rate_limited",
  503: "overloaded",
  504: "timeout",
}

/** @param status Of an answer whose body is no problem, as a proxy may give. */
export function problemOf(status: number, body: unknown, retryAfter?: number): ProblemError {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Partial<ProblemBody>
  return new ProblemError({
    code: CODES[status] ?? (status < 500 ? "invalid_query" : "internal"),
    detail: `The server answered ${status}.`,
    ...problem,
    status,
    ...(retryAfter !== undefined && { retryAfter }),
  })
}
