/** What an isolate knows of its database, from one request to the next. */

import type { Clock } from "../core/clock.ts"
import { busy } from "./refusals.ts"

/** Calls of D1 under way in one isolate; what comes beyond them would only wait, and is refused at once. */
export const MOST_CALLS = 1_000
/** A call counts until it ends, but not for longer than 30 to 40 s: one whose client has left ends without a word. */
const WINDOW_MS = 10_000
const WINDOWS = 4

export class Isolate {
  /** The history that the database is of, by its newest answer; undefined before the first. */
  epoch: string | undefined
  readonly #now: Clock
  /** Calls under way by the window they began in. */
  readonly #begun = new Array<number>(WINDOWS).fill(0)
  #window = 0
  #underWay = 0

  constructor(now: Clock = Date.now) {
    this.#now = now
  }

  /** @returns What {@link end} takes. @throws SelvedgeError `overloaded` when too many calls are under way. */
  begin(): number {
    const window = Math.floor(this.#now() / WINDOW_MS)
    if (window > this.#window) this.#moveTo(window)
    if (this.#underWay >= MOST_CALLS) throw busy()
    this.#underWay++
    this.#begun[this.#window % WINDOWS]!++
    return this.#window
  }

  end(window: number): void {
    if (window <= this.#window - WINDOWS) return
    this.#underWay--
    this.#begun[window % WINDOWS]!--
  }

  #moveTo(window: number): void {
    for (let next = Math.max(this.#window, window - WINDOWS) + 1; next <= window; next++) {
      this.#underWay -= this.#begun[next % WINDOWS]!
      this.#begun[next % WINDOWS] = 0
    }
    this.#window = window
  }
}
