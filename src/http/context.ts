/** What a request carries from middleware to handler. */

import type { DrizzleD1Database } from "drizzle-orm/d1"
import type { CollectionDefinition } from "../access/collection.ts"
import type { Keys } from "../auth/keys.ts"
import type { ResponseCache } from "../cache/response-cache.ts"
import type { Caller } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import type { Enqueue } from "../core/job.ts"
import type { Later } from "../core/later.ts"
import type { LivePublisher } from "../core/publish.ts"
import type { Cost } from "../db/cost.ts"
import type { Database } from "../db/database.ts"
import type { Atomic, AtomicStatement } from "../records/atomic.ts"
import type { RecordsContext } from "../records/context.ts"
import type { Claim } from "../records/idempotency.ts"
import type { RecordsOf } from "../records/records.ts"

type Definitions = Readonly<Record<string, CollectionDefinition>>

/** What an application's own route gets as `c.var.ctx`. */
export interface RouteContext<C extends Definitions = Definitions> {
  readonly caller: Caller
  /** Drizzle over the request's D1 session; it is not bound by access rules. */
  readonly db: DrizzleD1Database
  /** Records as a caller sees and writes them; `service` is bound by no rule. */
  records(caller: Caller | "service"): RecordsOf<C>
  /** Runs statements as one batch: all or nothing. */
  atomic(statements: readonly AtomicStatement[], answer?: { status: number; body: unknown }): Promise<Atomic>
  /** Stores a job: await it, or hand it to `atomic`. */
  readonly enqueue: Enqueue
  /** Publishes into channels, as the service. */
  readonly live: LivePublisher
  readonly requestId: string
  /** Milliseconds since 1970. */
  readonly now: Clock
}

/** One request, as the engine's own handlers see it. */
export interface RequestState {
  readonly requestId: string
  readonly db: Database
  readonly keys: Pick<Keys, "verifyNow">
  caller: Caller
  readonly records: RecordsContext
  /** Set where a route is idempotent and the request carries a key. */
  claim: Claim | undefined
  /** Whether the answer has its common headers already. */
  complete: boolean
  readonly cache: ResponseCache
  readonly publisher: LivePublisher
  /** Takes work that goes on after the answer. */
  readonly later: Later
  readonly cost: Cost
  /** Milliseconds that passed in each part. */
  readonly timing: { auth: number; limit: number; cache: number }
  /** The headers `RateLimit-Policy` and `RateLimit`, once they are known. */
  rate: { readonly policy: string; readonly limit: string | undefined } | undefined
  /** What went wrong although there is an answer. */
  failure: Error | undefined
}

export interface AppEnv<C extends Definitions = Definitions> {
  Variables: { ctx: RouteContext<C>; state: RequestState }
}
