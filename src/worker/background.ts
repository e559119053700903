/** What runs without a request: jobs, the feed and the clock. Loaded when first needed. */

import type { Secrets } from "../auth/secrets.ts"
import { sweepQueries } from "../auth/sweep.ts"
import type { ResponseCache } from "../cache/response-cache.ts"
import { cachedTables, versionsSink } from "../cache/versions-sink.ts"
import { Feed, type FeedStore } from "../changes/feed.ts"
import type { FeedSurroundings } from "../changes/feed-object.ts"
import type { Sink, SinkStatus } from "../changes/sink.ts"
import type { Clock } from "../core/clock.ts"
import type { Later } from "../core/later.ts"
import type { LivePublisher } from "../core/publish.ts"
import { Database } from "../db/database.ts"
import type { WrittenTables } from "../db/written-tables.ts"
import { mailJob } from "../http/auth/mail-job.ts"
import type { Backend } from "../index.ts"
import type { Tick } from "../jobs/clock.ts"
import { withJobContext } from "../jobs/context.ts"
import type { JobDefinition } from "../jobs/definition.ts"
import { createDispatcher, type DispatchOptions } from "../jobs/dispatch.ts"
import { reactionSink } from "../jobs/reactions.ts"
import { buryQuery, refusedChangeJob } from "../jobs/refused-changes.ts"
import { scheduleFaults } from "../jobs/schedules.ts"
import { sweepJobs } from "../jobs/sweep.ts"
import { type JobSystem, writeJobs } from "../jobs/system.ts"
import { lostMessages, tick } from "../jobs/tick.ts"
import type { LiveNamespace, TopicStub } from "../live/objects.ts"
import { liveSink, liveTables } from "../live/sink.ts"
import type { Mail, MailTransport } from "../mail/mail.ts"
import { sweepAnswers } from "../records/idempotency.ts"
import { deliveryJob } from "../webhooks/deliver.ts"
import { noticeJob } from "../webhooks/disable.ts"
import { sweepReceived } from "../webhooks/incoming-store.ts"
import { webhookSink } from "../webhooks/sink.ts"
import { sweepDeliveries } from "../webhooks/sweep.ts"

/** How often what is too old is removed. */
const SWEEP_EVERY_MS = 10 * 60_000
const MOST_SWEEPS = 50

export interface BackgroundOptions {
  readonly backend: Backend
  readonly d1: D1Database
  readonly kv: KVNamespace
  readonly topics: LiveNamespace<TopicStub>
  /** What the isolate holds; it is told what jobs write. */
  readonly cache: Pick<ResponseCache, "wrote">
  readonly dispatch: Pick<DispatchOptions, "queue" | "clock" | "state">
  readonly publisher: LivePublisher
  readonly feed: { wake(): Promise<void>; prune(): Promise<void>; status(): Promise<SinkStatus[]> }
  readonly secrets: Secrets
  /** How the world outside is reached. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly transport: MailTransport
  /** What the environment says under a name that the application chose. */
  readonly variable: (name: string) => string | undefined
  /** Whether this is a developer's machine. */
  readonly isLocal: boolean
  readonly now: Clock
  readonly log: JobSystem["log"]
}

/** @param later Takes work that may outlive the event. */
export function openJobs(options: BackgroundOptions, later: Later): JobSystem {
  const { backend, d1, dispatch, now, isLocal, log } = options
  const own = [...sinksOf(options).map(refusedChangeJob), ...webhookJobs(options), ...signInJobs(options)]
  const definitions = new Map([...applicationJobs(options, later), ...own].map((job) => [job.name, job]))
  return { d1, ...dispatch, now, definitions, schedules: backend.jobs.schedules, isLocal, log }
}

function signInJobs({ backend, d1, secrets, transport, now }: BackgroundOptions): JobDefinition[] {
  const { auth: settings } = backend
  if (!settings) return []
  return [mailJob({ settings, secrets, transport, now, write: (queries) => writeJobs({ d1 }, queries) })]
}

function applicationJobs(options: BackgroundOptions, later: Later): JobDefinition[] {
  const { backend, d1, cache, dispatch, publisher, feed, transport, variable, now } = options
  const dispatcher = createDispatcher({ ...dispatch, now, later })
  return [...backend.jobs.jobs.values()].map((definition) => {
    const context = {
      d1,
      collections: backend.collections,
      now,
      dispatcher,
      publisher,
      mail: (mail: Mail) => transport.send({ ...mail, purpose: definition.name }),
      variable,
      wrote(written: WrittenTables, bookmark: string | undefined) {
        cache.wrote(written, bookmark)
        later(feed.wake())
      },
    }
    return { ...definition, run: (input, run) => withJobContext(run, context, (ctx) => definition.run(input, ctx)) }
  })
}

function webhookJobs(options: BackgroundOptions): JobDefinition[] {
  const { backend, d1, dispatch, secrets, fetch, transport, isLocal, now } = options
  const dispatcher = createDispatcher({ ...dispatch, now, later: () => {} })
  const { url, name = "Selvedge" } = backend.auth ?? {}
  const own = url === undefined ? [] : [url]
  return [
    deliveryJob({ system: { d1 }, secrets, fetch, isLocal, own, now, dispatcher }),
    noticeJob({ system: { d1 }, now, transport, projectName: name }),
  ]
}

function sinksOf({ backend, d1, kv, topics, dispatch, now, log }: BackgroundOptions, store?: FeedStore): Sink[] {
  const dispatcher = createDispatcher({ ...dispatch, now, later: () => {} })
  const epoch = () => epochOf(d1)
  const cached = cachedTables(backend.collections)
  const live = liveTables(backend.collections)
  return [
    reactionSink(backend.jobs.reactions, { d1, now }, dispatcher),
    webhookSink(backend.collections, { d1, now, log }, dispatcher),
    ...(cached.size > 0 ? [versionsSink({ kv, tables: cached, epoch, now, log })] : []),
    ...(live.size + backend.channels.size > 0 ? [liveSink({ topics, tables: live, epoch, store, log })] : []),
  ]
}

async function epochOf(d1: D1Database): Promise<string> {
  const [rows] = await writeJobs({ d1 }, [{ sql: "SELECT value FROM _meta WHERE key = 'epoch'", params: [] }])
  return rows![0]!.value as string
}

export function openFeed(options: BackgroundOptions, surroundings: FeedSurroundings): Feed {
  const { d1, now, log } = options
  let bookmark = ""
  return new Feed({
    ...surroundings,
    sinks: sinksOf(options, surroundings.store),
    now,
    async write(queries) {
      const db = new Database(d1)
      const rows = await db.write(queries)
      // the greatest text is the newest
      if ((db.d1Bookmark ?? "") > bookmark) bookmark = db.d1Bookmark!
      return rows
    },
    bookmark: () => bookmark || undefined,
    bury: async (sink, change, error) => {
      await writeJobs({ d1 }, [buryQuery(sink, change, error, now())])
    },
    log,
  })
}

/** @returns What the clock does when it wakes. */
export function openTick(options: BackgroundOptions): Tick {
  const { feed, now, log, isLocal } = options
  const system = openJobs(options, () => {})
  let sweptAt = 0
  let hasQueue = !isLocal
  for (const fault of scheduleFaults(system.schedules))
    log({ level: "error", event: "schedule_fault", causes: [fault] })
  const told = (event: string, work: Promise<void>) =>
    work.catch((error: unknown) => log({ level: "error", event, causes: [String(error)] }))
  return async () => {
    // jobs wait for neither the feed nor the sweep
    void told("feed_not_reached", feed.wake())
    if (!hasQueue) await writeJobs(system, [lostMessages(now())])
    hasQueue = true
    const next = await tick(system)
    if (now() - sweptAt >= SWEEP_EVERY_MS) {
      sweptAt = now()
      void told("feed_not_reached", feed.prune())
      await told("sweep_failed", sweep(options))
    }
    return next
  }
}

/** In small steps, so that D1 does other things meanwhile. */
async function sweep({ d1, now }: BackgroundOptions): Promise<void> {
  for (let step = 0; step < MOST_SWEEPS; step++) {
    const db = new Database(d1)
    const at = now()
    await db.write([sweepAnswers(at), ...sweepQueries(at), ...sweepJobs(at), sweepReceived(at), sweepDeliveries(at)])
    if (db.cost.rowsWritten === 0) return
  }
}
