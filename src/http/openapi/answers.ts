/** Refusals and response headers, shared by all operations. */

import { type ProblemCode, SelvedgeError } from "../../core/problem.ts"
import { toProblem } from "../../core/problem-document.ts"
import type { Json } from "./components.ts"

interface Refusal {
  readonly description: string
  readonly codes: readonly [ProblemCode, ...ProblemCode[]]
  readonly headers?: readonly HeaderName[]
}

const HEADERS = {
  "X-Request-Id": "The request's id: the client's own, or a new one. It finds the lines in the log.",
  "Selvedge-Bookmark": "How fresh the answer is. Opaque; clients keep the greatest as text and send it back.",
  ETag: 'The version: strong (`"3"`) for a record without `fields` and `expand`, else weak over the body.',
  Location: "Where the new record is, relative.",
  Link: "The next and the previous page (RFC 8288), relative.",
  "Cache-Control": "Whether and how long the answer may be kept.",
  Age: "Seconds since a kept answer was made.",
  "Cache-Status":
    "Whether the answer was kept (RFC 9211): `hit` with the seconds it is good for, below 0 when it is old (`detail` says why it was given); `fwd=miss` when it was made now.",
  "Idempotency-Replayed": "`true` when this is the stored answer of an earlier request with the same key.",
  "WWW-Authenticate": "How to authenticate (RFC 6750).",
  "Retry-After": "Seconds to wait.",
  "RateLimit-Policy":
    "The limit that the request counts on: its name, `q` units in `w` seconds, and where it differs from `q` what may be spent at once as `selvedge-burst` (IETF draft httpapi-ratelimit-headers).",
  RateLimit: "What is left of it: `r` units at once, and more in `t` seconds.",
  Allow: "The methods that the path has.",
  Accept: "The content types that the path takes.",
  Upgrade: "The protocol that the path takes.",
}
export type HeaderName = keyof typeof HEADERS

/** What stands in the way of a request, by the status that it answers. */
const REFUSALS = {
  400: {
    description: "The request can't be read: its JSON, a query parameter or a header.",
    codes: ["invalid_query", "invalid_json", "invalid_header"],
  },
  401: {
    description: "Nobody is signed in where somebody must be, or the token is not good.",
    codes: ["unauthenticated", "token_expired", "invalid_credentials"],
    headers: ["WWW-Authenticate"],
  },
  403: { description: "The caller may not do this.", codes: ["forbidden", "reauthentication_required"] },
  404: { description: "There is no such record, or the caller may not read it.", codes: ["not_found"] },
  405: {
    description: "The path has no such method.",
    codes: ["method_not_allowed"],
    headers: ["Allow"],
  },
  406: { description: "`Accept` leaves no room for JSON.", codes: ["not_acceptable"] },
  409: {
    description: "Another record stands in the way, is missing, or still refers to this one.",
    codes: ["conflict", "reference_not_found", "still_referenced", "idempotency_in_progress"],
  },
  412: { description: "The record is not as the request's conditions want it.", codes: ["precondition_failed"] },
  413: { description: "The body or the record is too large.", codes: ["payload_too_large"] },
  415: {
    description: "The body is of another content type.",
    codes: ["unsupported_media_type"],
    headers: ["Accept"],
  },
  422: {
    description: "The body is not valid; `errors` points to what is wrong.",
    codes: ["validation_failed", "idempotency_mismatch"],
  },
  426: {
    description: "The path is for WebSockets (RFC 6455) alone.",
    codes: ["upgrade_required"],
    headers: ["Upgrade"],
  },
  428: { description: "A header is missing that this operation demands.", codes: ["precondition_required"] },
  429: {
    description: "Too many requests of this caller, or too many attempts on this account.",
    codes: ["rate_limited"],
    headers: ["Retry-After"],
  },
  500: { description: "Something went wrong inside; the request id finds it in the log.", codes: ["internal"] },
  503: { description: "Too busy; try again.", codes: ["overloaded"], headers: ["Retry-After"] },
  504: { description: "It took too long.", codes: ["timeout"], headers: ["Retry-After"] },
} satisfies Record<number, Refusal>
export type RefusalStatus = keyof typeof REFUSALS

/** Every operation that asks the database may fail so. */
export const BREAKDOWNS: readonly RefusalStatus[] = [500, 503, 504]

export const PROBLEM_SCHEMA: Json = {
  type: "object",
  description: "A refusal (RFC 9457). `code` says which, `errors` what exactly; more members may come.",
  properties: {
    type: { type: "string", format: "uri" },
    title: { type: "string" },
    status: { type: "integer", minimum: 400, maximum: 599 },
    code: { type: "string", pattern: "^[a-z0-9_]+$" },
    detail: { type: "string" },
    instance: { type: "string", description: "The path of the request." },
    requestId: { type: "string" },
    errors: {
      type: "array",
      items: {
        type: "object",
        properties: {
          pointer: { type: "string", description: "A JSON pointer (RFC 6901) into the body." },
          parameter: { type: "string", description: "A query parameter." },
          code: { type: "string" },
          message: { type: "string" },
        },
        required: ["code", "message"],
      },
    },
    operation: { type: "integer", minimum: 0, description: "Which operation of a batch was refused, from 0." },
  },
  required: ["type", "title", "status", "code", "detail", "instance", "requestId"],
}

/** `components.headers` */
export function sharedHeaders(): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(HEADERS).map(([name, description]) => [name, { description, schema: { type: "string" } }]),
  )
}

/** `components.responses` */
export function sharedRefusals(): Record<string, Json> {
  return Object.fromEntries(
    (Object.entries(REFUSALS) as [string, Refusal][]).map(([status, { description, codes, headers = [] }]) => [
      `problem-${status}`,
      {
        description: `${description} Codes: ${codes.map((code) => `\`${code}\``).join(", ")}.`,
        headers: headerRefs("X-Request-Id", "RateLimit-Policy", "RateLimit", ...headers),
        content: { "application/problem+json": { schema: PROBLEM_REF, example: exampleOf(codes[0], description) } },
      },
    ]),
  )
}

const PROBLEM_REF = { $ref: "#/components/schemas/Problem" }

export function headerRefs(...names: readonly HeaderName[]): Record<string, Json> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

/** Refusals of one operation, by status. */
export function refusals(statuses: readonly RefusalStatus[]): Record<string, Json> {
  return Object.fromEntries(
    [...statuses].sort((a, b) => a - b).map((status) => [status, { $ref: `#/components/responses/problem-${status}` }]),
  )
}

function exampleOf(code: ProblemCode, detail: string): Json {
  return { ...toProblem(new SelvedgeError(code, detail), "/v1/…", "3f0c9f4e-7a51-4d4b-9d0e-2b8a6c1d5e70").problem }
}
