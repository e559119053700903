/** Tells the queue and the clock of jobs that were committed. Losing it costs time, never a job: the clock finds them. */

import type { Clock } from "../core/clock.ts"
import { LOST_AFTER_MS } from "./enqueue.ts"

/** What a message holds. */
export interface JobMessage {
  readonly id: string
}

/** As much of the platform's queue as is needed. */
export interface JobQueue {
  /** At most {@link MOST_MESSAGES} at a time. */
  sendBatch(messages: readonly { body: JobMessage }[]): Promise<unknown>
}

/** The clock, as seen from outside. */
export interface ClockStub {
  /** @returns When it will wake, `at` or earlier. */
  wakeBy(at: number): Promise<number>
}

/** What an isolate remembers, so that not every job wakes the clock. */
export interface DispatchState {
  /** What the clock was last asked for on behalf of jobs that were sent at once. */
  clockWakesAt: number
}

export interface DispatchOptions {
  readonly queue: JobQueue
  readonly clock: ClockStub
  readonly state: DispatchState
  readonly now: Clock
  /** Takes work that may outlive the answer. */
  later(work: Promise<unknown>): void
}

export interface Dispatcher {
  /** Jobs of one turn leave in one call. */
  committed(job: { readonly id: string; readonly runAt: number }): void
  send(ids: readonly string[]): Promise<void>
  wakeClockBy(at: number): Promise<void>
}

export const MOST_MESSAGES = 100
/** How much later than was asked for the clock may look at a job that was sent at once. */
const LATE_MS = 5_000

/** Jobs are stored by now: whatever fails here, the clock wakes for what it knows, and cron wakes the clock. */
export function createDispatcher({ queue, clock, state, now, later }: DispatchOptions): Dispatcher {
  const sent: string[] = []
  let soonest = Number.POSITIVE_INFINITY
  let isGathering = false

  async function send(ids: readonly string[]): Promise<void> {
    for (let start = 0; start < ids.length; start += MOST_MESSAGES)
      await queue.sendBatch(ids.slice(start, start + MOST_MESSAGES).map((id) => ({ body: { id } })))
  }

  async function wakeClockBy(at: number): Promise<void> {
    await clock.wakeBy(at)
  }

  /** After a tick the clock forgets what it was asked for; with young jobs about, it looks again as soon as this. */
  async function watch(): Promise<void> {
    const at = now() + LOST_AFTER_MS
    if (at >= state.clockWakesAt && at - state.clockWakesAt <= LATE_MS) return
    state.clockWakesAt = at
    try {
      await wakeClockBy(at)
    } catch (error) {
      state.clockWakesAt = 0
      throw error
    }
  }

  async function announce(): Promise<void> {
    await Promise.resolve()
    const ids = sent.splice(0)
    const at = soonest
    soonest = Number.POSITIVE_INFINITY
    isGathering = false
    await Promise.all([
      ...(ids.length > 0 ? [send(ids), watch()] : []),
      ...(at < Number.POSITIVE_INFINITY ? [wakeClockBy(at)] : []),
    ])
  }

  return {
    send,
    wakeClockBy,
    committed({ id, runAt }) {
      if (runAt > now()) soonest = Math.min(soonest, runAt)
      else sent.push(id)
      if (isGathering) return
      isGathering = true
      later(announce())
    },
  }
}
