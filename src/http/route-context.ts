/** What an application's own route is given. Nothing in it is made before it is asked for: most requests never do. */

import { drizzle } from "drizzle-orm/d1"
import { type Caller, SERVICE } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import type { Enqueue } from "../core/job.ts"
import type { LivePublisher } from "../core/publish.ts"
import { type AtomicStatement, runAtomic } from "../records/atomic.ts"
import { createRecords, type RecordsOf } from "../records/records.ts"
import type { RequestState, RouteContext } from "./context.ts"

export class RequestRouteContext implements RouteContext {
  readonly #state: RequestState
  #answered = false

  constructor(state: RequestState) {
    this.#state = state
    // A handler may take them out of the context.
    this.records = this.records.bind(this)
    this.atomic = this.atomic.bind(this)
  }

  get caller(): Caller {
    return this.#state.caller
  }

  get db() {
    return drizzle(this.#state.db.session as unknown as D1Database, { casing: "snake_case" })
  }

  get enqueue(): Enqueue {
    return this.#state.records.enqueue
  }

  get live(): LivePublisher {
    return this.#state.publisher
  }

  get requestId(): string {
    return this.#state.requestId
  }

  get now(): Clock {
    return this.#state.records.now
  }

  records(caller: Caller | "service"): RecordsOf<Record<never, never>> {
    const { collections, db, now, enqueue } = this.#state.records
    const context = { collections, db, now, enqueue, caller: caller === "service" ? SERVICE : caller }
    return createRecords(context, () => {
      if (!this.#state.claim) return
      throw new TypeError("an idempotent route does all its writes in one ctx.atomic(statements, answer)")
    }) as RecordsOf<Record<never, never>>
  }

  async atomic(statements: readonly AtomicStatement[], answer?: { status: number; body: unknown }) {
    const { records, claim } = this.#state
    if (claim && (!answer || this.#answered)) {
      throw new TypeError("an idempotent route calls ctx.atomic(statements, answer) once, with the answer it will give")
    }
    this.#answered = true
    return runAtomic(records, statements, claim, answer)
  }
}
