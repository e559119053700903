/** What wants to know of every change. */

import type { Change } from "../core/change.ts"
import type { Cursor } from "./cursor.ts"

/** How changes were read. */
export interface Reading {
  /** The history of the database that they belong to. */
  readonly epoch: string
  /** Whether what the sink has taken so far was of another one. */
  readonly isOther: boolean
  /** D1's bookmark, at which they can be read; undefined where it gives none. */
  readonly bookmark: string | undefined
}

export interface Sink {
  readonly name: string
  /**
   * Takes changes in the order of `seq`, all of them or, by throwing, none. Changes come again after a crash: a sink
   * passes over those that it has taken.
   */
  take(changes: readonly Change[], reading: Reading): Promise<void>
  /** Takes one change that it refused before, out of its order. */
  retake(change: Change): Promise<void>
  /** For a sink that writes into the database: the last change that it has surely taken, with all before it. */
  position?(): Promise<Cursor>
}

export interface SinkStatus {
  readonly name: string
  /** The last change it took. */
  readonly seq: number
  /** In a row, whether it refused a page or the page could not be read. */
  readonly failures: number
}
