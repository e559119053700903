/** The feed: hands every committed change to every sink, in order, and loses none. */

import type { Change } from "../core/change.ts"
import type { Clock } from "../core/clock.ts"
import { inTime } from "../core/wait.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { type Cursor, START } from "./cursor.ts"
import { renewEpoch } from "./epoch.ts"
import { PAGE_CHANGES, type Page } from "./page.ts"
import { KEPT_MS, PRUNE_STEP, pruneQueries } from "./retention.ts"
import { SharedPages } from "./shared-pages.ts"
import type { Sink, SinkStatus } from "./sink.ts"

/** After so many refusals the sink gets one change at a time, and the one that it refuses alone is buried. */
export const MOST_REFUSALS = 10
const FIRST_BACKOFF_MS = 100
const LONGEST_BACKOFF_MS = 30_000
/** A sink that takes longer has failed. */
const LONGEST_TAKE_MS = 60_000

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
  /** D1's bookmark, as of the newest that was written or read; undefined where it gives none. */
  bookmark(): string | undefined
  /** Keeps a change that a sink refuses as a dead letter; again after a crash. */
  bury(sink: string, change: Change, error: unknown): Promise<void>
  /** Asks to be woken. */
  wakeAt(at: number): Promise<void>
  log(line: Record<string, unknown> & { level: "info" | "error" }): void
}

/** What is kept of a sink: an object that rests is soon gone from memory. */
interface Progress {
  readonly cursor: Cursor
  /** The history of the database that was taken last; undefined before the first. */
  readonly epoch: string | undefined
  /** In a row, of any kind. */
  readonly failures: number
  /** Not before this time, after a failure. */
  readonly restsUntil: number
  /** Of the page that ends with the change `refusedUpTo`. */
  readonly refusals: number
  readonly refusedUpTo: number
}

const FRESH: Progress = { cursor: START, epoch: undefined, failures: 0, restsUntil: 0, refusals: 0, refusedUpTo: 0 }

interface SinkState {
  readonly sink: Sink
  progress: Progress
  running: Promise<void>
  /** The pass after the one that runs; all who call meanwhile share it. */
  waiting: Promise<void> | undefined
}

export class Feed {
  readonly #options: FeedOptions
  readonly #states: readonly SinkState[]
  readonly #pages: SharedPages
  #renewing: Promise<void> | undefined
  #pruning: Promise<void> | undefined

  constructor(options: FeedOptions) {
    this.#options = options
    this.#pages = new SharedPages(options.write)
    this.#states = options.sinks.map((sink) => ({
      sink,
      progress: options.store.get<Progress>(`sink:${sink.name}`) ?? FRESH,
      running: Promise.resolve(),
      waiting: undefined,
    }))
  }

  /** Resolves when every sink has what was committed before the call, or rests after a failure. */
  async drain(): Promise<void> {
    this.#pages.forget()
    await Promise.all(this.#states.map((state) => this.#drainSink(state)))
    this.#pages.forget()
  }

  /** Removes changes that are old and that every sink has taken, in small steps. */
  prune(): Promise<void> {
    this.#pruning ??= this.#pruneSteps().finally(() => {
      this.#pruning = undefined
    })
    return this.#pruning
  }

  status(): SinkStatus[] {
    return this.#states.map(({ sink, progress: { cursor, failures } }) => ({
      name: sink.name,
      seq: cursor.seq,
      failures,
    }))
  }

  async #pruneSteps(): Promise<void> {
    const { write, now } = this.#options
    let pruned: unknown
    do {
      const cursors = this.#states.map(({ progress }) => progress.cursor)
      const least = cursors.reduce((one, other) => (one.seq < other.seq ? one : other))
      const [, rows] = await write(pruneQueries(now() - KEPT_MS, least))
      pruned = rows![0]?.pruned
    } while (pruned === PRUNE_STEP)
  }

  /** One pass of a sink at a time; the next one begins after the call, so it sees what was committed before. */
  #drainSink(state: SinkState): Promise<void> {
    const begin = () => {
      state.waiting = undefined
      state.running = this.#pass(state)
      return state.running
    }
    state.waiting ??= state.running.then(begin, begin)
    return state.waiting
  }

  async #pass(state: SinkState): Promise<void> {
    const { now, wakeAt, log } = this.#options
    const { restsUntil } = state.progress
    // a time far away is of a clock that was put back since
    if (restsUntil > now() && restsUntil <= now() + LONGEST_BACKOFF_MS) return wakeAt(restsUntil)
    try {
      while (await this.#takePage(state));
    } catch (error) {
      const failures = state.progress.failures + 1
      const until = now() + Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1))
      log({ level: "error", event: "sink_failed", sink: state.sink.name, failures, causes: [String(error)] })
      this.#keep(state, { failures, restsUntil: until })
      await wakeAt(until)
    }
  }

  /** @returns Whether there is more. */
  async #takePage(state: SinkState): Promise<boolean> {
    const { cursor: from, refusals } = state.progress
    const isAlone = refusals >= MOST_REFUSALS
    const page = await this.#pages.read(from, isAlone ? 1 : PAGE_CHANGES)
    if (from !== state.progress.cursor) return true
    if (!page) {
      await this.#renew(from)
      return true
    }
    const last = page.changes.at(-1)
    if (last) return !(await this.#hand(state, page, last, isAlone)) || page.hasMore
    if (state.progress.failures > 0) this.#keep(state, { failures: 0, refusals: 0 })
    return false
  }

  /**
   * @returns False when the cursor stands somewhere else than at the last.
   * @throws What the sink threw.
   */
  async #hand(state: SinkState, { changes, epoch }: Page, last: Change, isAlone: boolean): Promise<boolean> {
    const { cursor: from, epoch: before, refusedUpTo } = state.progress
    let { refusals } = state.progress
    try {
      const isOther = before !== undefined && before !== epoch
      const reading = { epoch, isOther, bookmark: this.#options.bookmark() }
      await inTime(state.sink.take(changes, reading), LONGEST_TAKE_MS, () =>
        Promise.reject(new Error(`it took longer than ${LONGEST_TAKE_MS} ms`)),
      )
    } catch (error) {
      if (await this.#hasMoved(state, error)) return false
      if (!isAlone) {
        this.#keep(state, { refusals: refusals + 1, refusedUpTo: last.seq })
        throw error
      }
      await this.#bury(state, last, error)
      refusals = 0
    }
    // a new epoch may have moved it meanwhile
    if (from !== state.progress.cursor) return false
    if (!isAlone || last.seq >= refusedUpTo) refusals = 0
    this.#keep(state, { cursor: cursorOf(last), epoch, failures: 0, refusals })
    return true
  }

  /** Whether the sink has taken changes, though it failed: a crash, or another feed, came between. */
  async #hasMoved(state: SinkState, error: unknown): Promise<boolean> {
    const { sink, progress } = state
    const position = await sink.position?.()
    if (!position || position.seq <= progress.cursor.seq) return false
    this.#options.log({
      level: "info",
      event: "sink_moved",
      sink: sink.name,
      seq: position.seq,
      causes: [String(error)],
    })
    this.#keep(state, { cursor: position, failures: 0, refusals: 0 })
    return true
  }

  async #bury({ sink }: SinkState, change: Change, error: unknown): Promise<void> {
    await this.#options.bury(sink.name, change, error)
    const { seq } = change
    this.#options.log({ level: "error", event: "change_buried", sink: sink.name, seq, causes: [String(error)] })
  }

  /** The change that a cursor stood at is gone, or is another one: the database was restored. */
  #renew(lost: Cursor): Promise<void> {
    this.#renewing ??= this.#moveAll(lost).finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  async #moveAll(lost: Cursor): Promise<void> {
    const { write, log } = this.#options
    const place = await renewEpoch(write, lost)
    this.#pages.forget()
    log({ level: "error", event: "database_restored", seq: lost.seq, resumesAt: place.seq })
    for (const state of this.#states) {
      const position = await state.sink.position?.()
      const { cursor, epoch } = state.progress
      const isLost = cursor === lost || cursor.seq > place.seq
      if (position || isLost) this.#keep(state, { ...FRESH, epoch, cursor: position ?? place })
    }
  }

  #keep(state: SinkState, changes: Partial<Progress>): void {
    state.progress = { ...state.progress, ...changes }
    this.#options.store.put(`sink:${state.sink.name}`, state.progress)
  }
}

function cursorOf({ seq, at, recordId }: Change): Cursor {
  return { seq, at, recordId }
}
