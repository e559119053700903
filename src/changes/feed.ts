/** The feed: hands every committed change to every sink, in order, and loses none. */

import type { Change } from "../core/change.ts"
import type { Clock } from "../core/clock.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { type Cursor, type Identity, isSame, renewEpoch } from "./epoch.ts"
import { PAGE_CHANGES, pageQuery } from "./page.ts"
import { toChange } from "./read-change.ts"
import { KEPT_MS, PRUNE_STEP, pruneQueries } from "./retention.ts"
import type { Sink, SinkStatus } from "./sink.ts"

/** After so many failures the sink gets one change at a time, and the one that it refuses alone is buried. */
export const MOST_FAILURES = 10
const FIRST_BACKOFF_MS = 100
const LONGEST_BACKOFF_MS = 30_000

/** What the feed keeps over restarts; written at once, read without waiting. */
export interface FeedStore {
  get<V>(key: string): V | undefined
  put(key: string, value: unknown): void
}

export interface FeedOptions {
  readonly sinks: readonly Sink[]
  readonly store: FeedStore
  readonly now: Clock
  /** Runs statements on the primary as one transaction. */
  write(queries: readonly Query[]): Promise<ResultRow[][]>
  /** Keeps a change that a sink refuses as a dead letter. */
  bury(sink: string, change: Change, error: unknown): Promise<void>
  /** Asks to be woken. */
  wakeAt(at: number): Promise<void>
  log(line: Record<string, unknown> & { level: "info" | "error" }): void
}

interface SinkState {
  readonly sink: Sink
  cursor: Cursor
  failures: number
  /** Not before this time, after a failure. */
  restsUntil: number
  dirty: boolean
  running: Promise<void> | undefined
}

export class Feed {
  readonly #options: FeedOptions
  readonly #states: readonly SinkState[]
  #renewing: Promise<void> | undefined

  constructor(options: FeedOptions) {
    this.#options = options
    this.#states = options.sinks.map((sink) => ({
      sink,
      cursor: options.store.get<Cursor>(`cursor:${sink.name}`) ?? { seq: 0 },
      failures: 0,
      restsUntil: 0,
      dirty: false,
      running: undefined,
    }))
  }

  /** Resolves when every sink has what was committed before the call, or rests after a failure. */
  async drain(): Promise<void> {
    await Promise.all(this.#states.map((state) => this.#drainSink(state)))
  }

  /** Removes changes that are old and that every sink has taken, in small steps. */
  async prune(): Promise<void> {
    const { write, now } = this.#options
    let pruned: unknown
    do {
      const least = Math.min(...this.#states.map(({ cursor }) => cursor.seq))
      const [, rows] = await write(pruneQueries(now() - KEPT_MS, least))
      pruned = rows![0]?.pruned
    } while (pruned === PRUNE_STEP)
  }

  status(): SinkStatus[] {
    return this.#states.map(({ sink, cursor, failures }) => ({ name: sink.name, seq: cursor.seq, failures }))
  }

  /** One drain of a sink at a time; a call meanwhile makes it look once more. */
  #drainSink(state: SinkState): Promise<void> {
    state.dirty = true
    state.running ??= this.#drainLoop(state).finally(() => {
      state.running = undefined
    })
    return state.running
  }

  async #drainLoop(state: SinkState): Promise<void> {
    while (state.dirty && state.restsUntil <= this.#options.now()) {
      state.dirty = false
      while (await this.#takePage(state));
    }
  }

  /** @returns Whether there may be more. */
  async #takePage(state: SinkState): Promise<boolean> {
    const { write } = this.#options
    const from = state.cursor
    const alone = state.failures >= MOST_FAILURES
    const limit = (alone ? 1 : PAGE_CHANGES) + 1
    const [rows] = await write([pageQuery(from.seq, limit)])
    if (from !== state.cursor) return true
    const own = from.seq > 0 ? rows!.shift() : undefined
    if (from.seq > 0 && !isSame(own, from)) {
      await this.#renew(from)
      return true
    }
    const changes = rows!.slice(0, limit - 1).map(toChange)
    const last = changes.at(-1)
    if (!last) return false
    try {
      await state.sink.take(changes)
    } catch (error) {
      if (await this.#hasTaken(state)) return true
      await this.#fail(state, alone ? last : undefined, error)
      if (!alone) return false
    }
    state.failures = 0
    if (from === state.cursor) this.#save(state, { seq: last.seq, at: last.at, recordId: last.recordId })
    return true
  }

  /** Whether the sink has moved by itself: a crash came between its commit and our note of it. */
  async #hasTaken(state: SinkState): Promise<boolean> {
    const position = await state.sink.position?.()
    if (position === undefined || position <= state.cursor.seq) return false
    this.#save(state, { seq: position })
    return true
  }

  async #fail(state: SinkState, refused: Change | undefined, error: unknown): Promise<void> {
    const { now, bury, wakeAt, log } = this.#options
    const { sink } = state
    state.failures++
    log({ level: "error", event: "sink_failed", sink: sink.name, failures: state.failures, causes: [String(error)] })
    if (refused) {
      await bury(sink.name, refused, error)
      log({ level: "error", event: "change_buried", sink: sink.name, seq: refused.seq })
      return
    }
    state.restsUntil = now() + Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (state.failures - 1))
    await wakeAt(state.restsUntil)
  }

  #save(state: SinkState, cursor: Cursor): void {
    state.cursor = cursor
    this.#options.store.put(`cursor:${state.sink.name}`, cursor)
  }

  /** The change that a cursor stood at is gone, or is another one: the database was restored. */
  #renew(lost: Cursor): Promise<void> {
    const { write, now, log } = this.#options
    const lostAt = lost.at ?? now()
    this.#renewing ??= renewEpoch({ write }, lostAt)
      .then(async (place: Identity) => {
        log({ level: "error", event: "database_restored", seq: lost.seq, resumesAt: place.seq })
        for (const state of this.#states) {
          const position = await state.sink.position?.()
          if (position !== undefined) this.#save(state, { seq: position })
          else if (state.cursor.seq > place.seq || state.cursor === lost) this.#save(state, place)
        }
      })
      .finally(() => {
        this.#renewing = undefined
      })
    return this.#renewing
  }
}
