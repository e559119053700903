/** Every refusal the engine can answer with. The list is closed: `http/problem.ts` maps each to a status. */
export type ProblemCode =
  | "invalid_json"
  | "invalid_query"
  | "invalid_header"
  | "unauthenticated"
  | "token_expired"
  | "invalid_credentials"
  | "forbidden"
  | "reauthentication_required"
  | "not_found"
  | "method_not_allowed"
  | "not_acceptable"
  | "payload_too_large"
  | "unsupported_media_type"
  | "conflict"
  | "reference_not_found"
  | "still_referenced"
  | "idempotency_in_progress"
  | "precondition_failed"
  | "precondition_required"
  | "validation_failed"
  | "idempotency_mismatch"
  | "upgrade_required"
  | "rate_limited"
  | "internal"
  | "overloaded"
  | "timeout"

/** One thing that is wrong: a JSON pointer (RFC 6901) into the body, or the name of a query parameter. */
export interface ProblemDetail {
  pointer?: string
  parameter?: string
  code: string
  message: string
}

export interface SelvedgeErrorOptions {
  errors?: ProblemDetail[]
  /** Response headers, such as `Allow` or `Retry-After` (seconds). */
  headers?: Record<string, string>
  /** Index of the operation of a batch that was refused. */
  operation?: number
  cause?: unknown
}

/** An expected refusal. `message` is shown to the caller, `cause` only to the operator. */
export class SelvedgeError extends Error {
  readonly code: ProblemCode
  readonly errors: ProblemDetail[] | undefined
  readonly headers: Record<string, string> | undefined
  readonly operation: number | undefined

  constructor(code: ProblemCode, message: string, options: SelvedgeErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = "SelvedgeError"
    this.code = code
    this.errors = options.errors
    this.headers = options.headers
    this.operation = options.operation
  }

  /** The same refusal, said of one operation of a batch, or of none. */
  at(operation: number | undefined): SelvedgeError {
    return new SelvedgeError(this.code, this.message, {
      ...(this.errors && { errors: this.errors }),
      ...(this.headers && { headers: this.headers }),
      ...(operation !== undefined && { operation }),
      cause: this.cause,
    })
  }
}

/** A refusal that an application's own route declares, such as `out_of_stock`. Answers 422 unless it says otherwise. */
export class ApplicationError extends Error {
  readonly code: string
  readonly status: number
  readonly errors: ProblemDetail[] | undefined

  constructor(
    code: string,
    message: string,
    options: { status?: 400 | 403 | 404 | 409 | 422; errors?: ProblemDetail[] } = {},
  ) {
    super(message)
    this.name = "ApplicationError"
    this.code = code
    this.status = options.status ?? 422
    this.errors = options.errors
  }
}

/** A 400 about one query parameter. */
export function invalidQuery(parameter: string, message: string): SelvedgeError {
  return new SelvedgeError("invalid_query", `${parameter}: ${message}`, {
    errors: [{ parameter, code: "invalid_query", message }],
  })
}

/** A 422 about one or more fields of the body. */
export function validationFailed(errors: ProblemDetail[]): SelvedgeError {
  const detail = errors.length === 1 ? "1 field is not valid" : `${errors.length} fields are not valid`
  return new SelvedgeError("validation_failed", detail, { errors })
}

/** RFC 6901. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")
}
