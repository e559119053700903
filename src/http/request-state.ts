/** What is known of a request before anybody looks into it. What most requests never ask for is made when it is asked for. */

import type { Collections } from "../access/model.ts"
import type { Keys } from "../auth/keys.ts"
import type { ResponseCache } from "../cache/response-cache.ts"
import { ANONYMOUS, type Caller } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import type { Later } from "../core/later.ts"
import type { LivePublisher } from "../core/publish.ts"
import { Database } from "../db/database.ts"
import type { Isolate } from "../db/isolate.ts"
import { createDispatcher, type DispatchOptions } from "../jobs/dispatch.ts"
import { createEnqueue } from "../jobs/enqueue.ts"
import type { RecordsContext } from "../records/context.ts"
import type { Claim } from "../records/idempotency.ts"
import type { RequestState } from "./context.ts"

/** What all requests of an isolate share. */
export interface RequestSurroundings {
  readonly d1: D1Database
  readonly collections: Collections
  readonly keys: Keys
  readonly now: Clock
  readonly isolate: Isolate
  /** What the isolate holds of answers that everybody may see. */
  readonly cache: ResponseCache
  readonly dispatch: Pick<DispatchOptions, "queue" | "clock" | "state">
  readonly publisher: LivePublisher
}

const REQUEST_ID = /^[\w.-]{1,64}$/
/** W3C Trace Context: version, trace id, parent id, flags. */
const TRACE_PARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/

export class OpenRequest implements RequestState, RecordsContext {
  readonly requestId: string
  /** W3C's trace id; undefined when the request carries none. */
  readonly trace: string | undefined
  readonly db: Database
  readonly later: Later
  readonly timing = { auth: 0, limit: 0, cache: 0 }
  caller: Caller = ANONYMOUS
  claim: Claim | undefined
  complete = false
  rate: RequestState["rate"]
  failure: Error | undefined
  readonly #options: RequestSurroundings
  #enqueue: RecordsContext["enqueue"] | undefined

  constructor(options: RequestSurroundings, { headers }: Request, later: Later) {
    const given = headers.get("X-Request-Id")
    this.requestId = given && REQUEST_ID.test(given) ? given : crypto.randomUUID()
    this.trace = TRACE_PARENT.exec(headers.get("traceparent") ?? "")?.[1]
    this.db = new Database(options.d1, options.isolate, headers.get("Selvedge-Bookmark") ?? undefined)
    this.later = later
    this.#options = options
  }

  get records(): RecordsContext {
    return this
  }

  get collections() {
    return this.#options.collections
  }

  get keys() {
    return this.#options.keys
  }

  get cache() {
    return this.#options.cache
  }

  get publisher() {
    return this.#options.publisher
  }

  get now() {
    return this.#options.now
  }

  get cost() {
    return this.db.cost
  }

  get enqueue() {
    const { now, dispatch } = this.#options
    this.#enqueue ??= createEnqueue({
      now,
      traceId: this.trace ?? this.requestId,
      write: (query) => this.db.write([query]),
      committed: createDispatcher({ ...dispatch, now, later: this.later }).committed,
    })
    return this.#enqueue
  }
}
