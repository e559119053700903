/** `endpoint()`: an application's own route with access, validation, idempotency and its entry in the OpenAPI document. */

import type { MiddlewareHandler } from "hono"
import * as z from "zod"
import type { LimitUse } from "../access/limit-use.ts"
import type { CallerRule } from "../access/rules.ts"
import { refused } from "../access/visibility.ts"
import type { Caller } from "../core/caller.ts"
import { invalidQuery, jsonPointer, SelvedgeError, validationFailed } from "../core/problem.ts"
import { onlyParameters, uniqueParameters } from "../query/parameters.ts"
import { ReplayError } from "../records/atomic.ts"
import { type Claim, createClaim, findAnswer } from "../records/idempotency.ts"
import { requireAcceptable } from "./accept.ts"
import { admin } from "./admin.ts"
import { PATCH_TYPES, readJson } from "./body.ts"
import type { AppEnv, RequestState } from "./context.ts"
import { noteLimit } from "./limited.ts"
import { replaceAnswer } from "./reply.ts"
import { requestFacts } from "./request-facts.ts"
import { confirmCaller } from "./strict.ts"

/** Media types of bodies, where a method takes others than JSON alone. */
const TYPES: Readonly<Record<string, readonly string[]>> = { PATCH: PATCH_TYPES }

export interface EndpointOptions<B extends z.ZodType = z.ZodType, Q extends z.ZodType = z.ZodType> {
  /** One line, for the OpenAPI document. */
  summary: string
  description?: string
  /** Who may call it, decided by the caller alone. */
  access: CallerRule
  /** The JSON body; `c.req.valid("json")` has it. Without one, no body is read; a `z.optional` one may be missing. */
  body?: B
  /** The JSON body where the handler reads it itself, for the OpenAPI document alone. */
  ownBody?: z.ZodType
  /** The query parameters, all text; `c.req.valid("query")` has them. Others are refused, but by a `z.looseObject`. */
  query?: Q
  /** What a success answers, as JSON but for redirects; a caller that takes none is refused. */
  answer: { status: 200 | 201 | 202 | 204 | 302; description: string; schema?: z.ZodType }
  /** Codes of the problems it answers with 422. */
  problems?: readonly string[]
  /** Which class of limits it counts on, and how much it costs. */
  limit?: LimitUse
  /** `required`: 428 without an `Idempotency-Key`. All writes then go through one `ctx.atomic(statements, answer)`. */
  idempotency?: "optional" | "required"
  /**
   * Asks the database about the caller first, at the cost of one trip: the session must still stand, and the roles are
   * those of this moment. Else a signed-out, banned or deleted user's access token works until it expires.
   */
  strict?: boolean
}

type Validated<B extends z.ZodType, Q extends z.ZodType> = {
  in: { json: z.input<B>; query: z.input<Q> }
  out: { json: z.output<B>; query: z.output<Q> }
}

const documented = new WeakMap<object, EndpointOptions>()

/** What `endpoint()` was told, found again by the handler it returned. */
export function endpointOptions(handler: object): EndpointOptions | undefined {
  return documented.get(handler)
}

/**
 * @example
 * app.post("/v1/checkout", endpoint({ summary: "Buy the cart", access: signedIn, answer: { status: 201, description: "The order" } }), handler)
 */
export function endpoint<B extends z.ZodType, Q extends z.ZodType>(
  options: EndpointOptions<B, Q>,
): MiddlewareHandler<AppEnv, string, Validated<B, Q>> {
  const names = parameterNames(options.query)
  const handler: MiddlewareHandler<AppEnv, string, Validated<B, Q>> = async (c, next) => {
    requireAcceptable(c.req.raw)
    if (options.strict) await confirmCaller(c)
    const state = c.get("state")
    requireAllowed(state.caller, options.access)
    const body =
      options.body && mayRead(options.body, c.req.raw) ? await readJson(c.req.raw, TYPES[c.req.method]) : undefined
    const parameters = uniqueParameters(new URL(c.req.url).searchParams)
    if (names) onlyParameters(parameters, names)
    if (options.query) c.req.addValidatedData("query", check(options.query, Object.fromEntries(parameters), "query"))
    if (options.body) c.req.addValidatedData("json", check(options.body, body?.json, "body"))
    const key = c.req.header("Idempotency-Key")
    if (!options.idempotency || key === undefined) {
      if (options.idempotency === "required")
        throw new SelvedgeError("precondition_required", "Send an Idempotency-Key.")
      return next()
    }
    const claim = await createClaim(state.caller, key, requestFacts(c.req.raw, body?.text ?? ""))
    const answer = await replay(state, claim)
    if (answer) return answer
    state.claim = claim
    await next()
    if (c.error) {
      const earlier = await replay(state, claim)
      if (earlier) {
        state.complete = false
        replaceAnswer(c, earlier)
      }
      if (!earlier && c.error instanceof ReplayError)
        throw new SelvedgeError("idempotency_in_progress", "The request under this Idempotency-Key has not ended.")
    }
    return undefined
  }
  documented.set(handler, options as unknown as EndpointOptions)
  if (options.limit) noteLimit(handler, options.limit)
  return handler
}

/** What an API key may do is said of collections; of routes it may use those of the admins alone. */
function requireAllowed(caller: Caller, access: CallerRule): void {
  const isAllowed = caller.kind === "service" || (access(caller) && (!caller.scopes || access === admin))
  if (!isAllowed) throw refused(caller)
}

/** A body that is optional may be missing altogether. Over HTTP it then is an empty stream of no type, not null. */
function mayRead(body: z.ZodType, { body: stream, headers }: Request): boolean {
  if (!(body instanceof z.ZodOptional)) return true
  return stream !== null && (headers.has("Content-Type") || Number(headers.get("Content-Length")) > 0)
}

/** The names of all parameters; undefined where the schema itself says what it does with others. */
function parameterNames(query: z.ZodType | undefined): string[] | undefined {
  if (!query) return []
  const closed = query instanceof z.ZodObject && (!query.def.catchall || query.def.catchall instanceof z.ZodNever)
  return closed ? Object.keys(query.shape) : undefined
}

/** A repeat may fail on what the first run has changed, so a refusal is checked against the stored answer again. */
async function replay(state: RequestState, claim: Claim): Promise<Response | undefined> {
  const answer = await findAnswer(state.db, claim, state.records.now())
  if (!answer || answer.status === null) return undefined
  return new Response(answer.status === 204 ? null : answer.body, {
    status: answer.status,
    headers: { "Content-Type": "application/json", "Idempotency-Replayed": "true" },
  })
}

function check(schema: z.ZodType, value: unknown, place: "query" | "body"): object {
  const result = schema.safeParse(value)
  if (result.success) return result.data as object
  const issues = result.error.issues.flatMap(eachUnknown)
  if (place === "query") throw invalidQuery(String(issues[0]!.path[0] ?? "query"), issues[0]!.message)
  throw validationFailed(issues.map(({ path, code, message }) => ({ pointer: jsonPointer(path), code, message })))
}

/** Zod names all unknown fields of an object in one issue, which points to the object. */
function eachUnknown(issue: z.core.$ZodIssue): { path: PropertyKey[]; code: string; message: string }[] {
  if (issue.code !== "unrecognized_keys") return [issue]
  const unknown = { code: "unknown_field", message: "there is no such field" }
  return issue.keys.map((key) => ({ path: [...issue.path, key], ...unknown }))
}
