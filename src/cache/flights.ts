/** Requests of one isolate that want the same at the same time: one makes it, the others take it. */

import type { Later } from "../core/later.ts"
import { inTime } from "../core/wait.ts"
import { isOutage } from "./outage.ts"

/** Whoever waits for another request takes over after this time: the other's client may have left, and its I/O with it. */
const FOLLOW_MS = 1_000
/** So many are followed, one after the other. */
const MOST_LEADERS = 5
/** Of requests whose clients have left, some may never end. */
const MOST_FLIGHTS = 1_000
const LATE = Symbol("late")
const late = async (): Promise<typeof LATE> => LATE

export class Flights<V> {
  readonly #flights = new Map<string, { readonly made: Promise<V>; readonly begunAt: number }>()

  /** Whether somebody makes it who is not late. */
  isUnderWay(key: string): boolean {
    const flight = this.#flights.get(key)
    return flight !== undefined && performance.now() - flight.begunAt < FOLLOW_MS
  }

  /**
   * @param make Gives plain data: it may be handed to other requests.
   * @param isUsable Whether what another request made answers this one too.
   * @param later Keeps the work alive when the client leaves.
   * @throws What `make` threw, or what it threw for another request, where that says nothing of the question.
   */
  async share(key: string, make: () => Promise<V>, isUsable: (value: V) => boolean, later: Later): Promise<V> {
    for (let leaders = 0; leaders < MOST_LEADERS; leaders++) {
      const flight = this.#flights.get(key)
      if (!flight) break
      const value = await inTime(flight.made, FOLLOW_MS, late).catch((error: unknown) => {
        if (isOutage(error)) throw error
        return undefined
      })
      if (value === LATE) {
        if (this.#flights.get(key) !== flight) continue
      } else if (value !== undefined && isUsable(value)) return value
      break
    }
    return this.#lead(key, make, later)
  }

  #lead(key: string, make: () => Promise<V>, later: Later): Promise<V> {
    const made = make()
    const flight = { made, begunAt: performance.now() }
    this.#flights.set(key, flight)
    if (this.#flights.size > MOST_FLIGHTS) this.#flights.delete(this.#flights.keys().next().value!)
    const land = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
    later(made.then(land, land))
    return made
  }
}
