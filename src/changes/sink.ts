/** What wants to know of every change. */

import type { Change } from "../core/change.ts"

export interface Sink {
  readonly name: string
  /**
   * Takes changes in the order of `seq`, all of them or, by throwing, none. Changes come again after a crash: a sink
   * passes over those that it has taken.
   */
  take(changes: readonly Change[]): Promise<void>
  /** Takes one change that it refused before, out of its order. */
  retake(change: Change): Promise<void>
  /** For a sink that writes into the database: up to which change it has surely taken all. */
  position?(): Promise<number>
}

export interface SinkStatus {
  readonly name: string
  /** The last change it took. */
  readonly seq: number
  /** Failures since it last took something. */
  readonly failures: number
}
