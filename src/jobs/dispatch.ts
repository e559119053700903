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

/** What an isolate remembers: when the clock is known to wake. */
export interface DispatchState {
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

export function createDispatcher({ queue, clock, state, now, later }: DispatchOptions): Dispatcher {
  const waiting: string[] = []

  async function send(ids: readonly string[]): Promise<void> {
    for (let start = 0; start < ids.length; start += MOST_MESSAGES)
      await queue.sendBatch(ids.slice(start, start + MOST_MESSAGES).map((id) => ({ body: { id } })))
  }

  /** Jobs are stored by now: whatever fails here, the clock wakes for what it knows, and cron wakes the clock. */
  async function wakeClockBy(at: number): Promise<void> {
    if (state.clockWakesAt > now() && state.clockWakesAt <= at) return
    state.clockWakesAt = await clock.wakeBy(at)
  }

  return {
    send,
    wakeClockBy,
    committed({ id, runAt }) {
      const time = now()
      if (runAt > time) return later(wakeClockBy(runAt))
      if (waiting.length === 0) {
        later(Promise.resolve().then(() => send(waiting.splice(0))))
        later(wakeClockBy(time + LOST_AFTER_MS))
      }
      waiting.push(id)
    },
  }
}
