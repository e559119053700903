/** Refusals as RFC 9457 problems. */

import { ApplicationError, type ProblemCode, SelvedgeError } from "./problem.ts"

const PROBLEM_TYPE = "https://selvedge.dev/problems/"

/** Every code's status; a code that is missing here doesn't compile. */
export const STATUS_OF = {
  invalid_json: 400,
  invalid_query: 400,
  invalid_header: 400,
  unauthenticated: 401,
  token_expired: 401,
  invalid_credentials: 401,
  forbidden: 403,
  reauthentication_required: 403,
  not_found: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  conflict: 409,
  reference_not_found: 409,
  still_referenced: 409,
  idempotency_in_progress: 409,
  precondition_failed: 412,
  payload_too_large: 413,
  unsupported_media_type: 415,
  validation_failed: 422,
  idempotency_mismatch: 422,
  upgrade_required: 426,
  precondition_required: 428,
  rate_limited: 429,
  internal: 500,
  overloaded: 503,
  timeout: 504,
} as const satisfies Record<ProblemCode, number>

export interface Problem {
  type: string
  title: string
  status: number
  code: string
  detail: string
  instance: string
  requestId: string
  errors?: SelvedgeError["errors"]
  operation?: number
}

/** Anything that isn't an expected refusal is `internal`; what it was stands only in the log. */
export function toProblem(
  error: unknown,
  instance: string,
  requestId: string,
): { problem: Problem; headers: Record<string, string> } {
  const known = error instanceof SelvedgeError || error instanceof ApplicationError ? error : outage(error)
  const code = known?.code ?? "internal"
  const status =
    known instanceof ApplicationError ? known.status : STATUS_OF[(known?.code ?? "internal") as ProblemCode]
  const problem: Problem = {
    type: `${PROBLEM_TYPE}${code.replaceAll("_", "-")}`,
    title: titleOf(code),
    status,
    code,
    detail: known?.message ?? "Something went wrong on our side; the request id finds it in the log.",
    instance,
    requestId,
  }
  if (known?.errors) problem.errors = known.errors
  if (known instanceof SelvedgeError && known.operation !== undefined) problem.operation = known.operation
  return { problem, headers: (known instanceof SelvedgeError && known.headers) || {} }
}

/** That the database was away, when an application's own statement found out: Drizzle wraps what D1 throws. */
function outage(error: unknown): SelvedgeError | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    if (cause instanceof SelvedgeError && (cause.code === "overloaded" || cause.code === "timeout")) return cause
  }
  return undefined
}

export function titleOf(code: string): string {
  const words = code.replaceAll("_", " ")
  return words.charAt(0).toUpperCase() + words.slice(1)
}
