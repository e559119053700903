/** What an application's own job gets: the same records, batches and statements as a route. */

import { type DrizzleD1Database, drizzle } from "drizzle-orm/d1"
import type { CollectionDefinition } from "../access/collection.ts"
import type { Collections } from "../access/model.ts"
import { type Caller, SERVICE } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import type { Enqueue } from "../core/job.ts"
import type { LivePublisher } from "../core/publish.ts"
import { Database } from "../db/database.ts"
import { Isolate } from "../db/isolate.ts"
import type { WrittenTables } from "../db/written-tables.ts"
import type { Mail } from "../mail/mail.ts"
import { type Atomic, type AtomicStatement, runAtomic } from "../records/atomic.ts"
import type { RecordsContext } from "../records/context.ts"
import { createRecords, type RecordsOf } from "../records/records.ts"
import type { JobRun } from "./definition.ts"
import type { Dispatcher } from "./dispatch.ts"
import { createEnqueue } from "./enqueue.ts"

type Definitions = Readonly<Record<string, CollectionDefinition>>

/** `C` is `typeof collections`, so that records are typed. */
export interface JobContext<C extends Definitions = Definitions> extends Omit<JobRun, "bookmark"> {
  /**
   * Drizzle over the job's D1 session; it is not bound by access rules. What it reads is at least as fresh as the write
   * that stored the job.
   */
  readonly db: DrizzleD1Database
  /** Records as a caller sees and writes them; `service` is bound by no rule. */
  records(caller: Caller | "service"): RecordsOf<C>
  /** Runs statements as one batch: all or nothing. Like all writes but those of `db`, it is refused once `signal` is aborted. */
  atomic(statements: readonly AtomicStatement[]): Promise<Atomic>
  readonly enqueue: Enqueue
  /** Publishes into channels, as the service; a retry of the job publishes again, unless a `once` step holds it. */
  readonly live: LivePublisher
  /** Hands a mail to the provider; a retry of the job sends it again, unless a `once` step holds it. */
  mail(mail: Mail): Promise<void>
  /** A variable or secret of the Worker; undefined where it is missing or empty. */
  variable(name: string): string | undefined
  /** Milliseconds since 1970. */
  readonly now: Clock
}

export interface JobContextOptions {
  readonly d1: D1Database
  readonly collections: Collections
  readonly now: Clock
  readonly dispatcher: Dispatcher
  readonly publisher: LivePublisher
  readonly mail: (mail: Mail) => Promise<void>
  readonly variable: (name: string) => string | undefined
  /** Called when the job has ended, if it wrote anything. */
  readonly wrote: (written: WrittenTables, bookmark: string | undefined) => void
}

/** Runs `work` with the context of an application's job. */
export async function withJobContext<V>(
  run: JobRun,
  options: JobContextOptions,
  work: (context: JobContext) => V | Promise<V>,
): Promise<V> {
  const db = new Database(options.d1, new Isolate(), { d1: run.bookmark })
  try {
    return await work(createJobContext(run, db, options))
  } finally {
    if (!db.written.isEmpty) {
      // what the job has done stands, whether the database answers or not
      await db.catchUp().catch(() => {})
      options.wrote(db.written, db.toldBookmark())
    }
  }
}

function createJobContext({ bookmark: _, ...run }: JobRun, db: Database, options: JobContextOptions): JobContext {
  const { collections, now, dispatcher, publisher, mail, variable } = options
  // an attempt that is over may still run, and so may the one that came after it
  const goesOn = () => run.signal.throwIfAborted()
  const enqueue = createEnqueue({
    now,
    traceId: run.traceId,
    write: async (query) => {
      goesOn()
      return db.write([query])
    },
    committed: dispatcher.committed,
  })
  const recordsContext = (caller: Caller): RecordsContext => ({ collections, caller, db, now, enqueue })
  return {
    ...run,
    db: drizzle(db.session as unknown as D1Database, { casing: "snake_case" }),
    records: (caller) =>
      createRecords(recordsContext(caller === "service" ? SERVICE : caller), goesOn) as RecordsOf<Record<never, never>>,
    atomic: async (statements) => {
      goesOn()
      return runAtomic(recordsContext(SERVICE), statements, undefined, undefined)
    },
    enqueue,
    live: {
      async publish(...message) {
        goesOn()
        return publisher.publish(...message)
      },
    },
    mail,
    variable,
    now,
  }
}
