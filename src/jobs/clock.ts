/** The clock: a Durable Object whose alarm is set for the next thing that is due. It survives a crash of everything. */

import { DurableObject } from "cloudflare:workers"

/** After a tick that failed, and while one runs: should it never end, the next comes by then. */
const AGAIN_AFTER_MS = 30_000

/** The one object of the namespace has this name. */
export const CLOCK_NAME = "clock"

/** What the clock does when it wakes. @returns When it is next needed. */
export type Tick = () => Promise<number>

/** A subclass says what a tick is, and which time it goes by. */
export abstract class ClockObject extends DurableObject {
  protected abstract openTick(): Promise<{
    tick: Tick
    now: () => number
    log: (line: Record<string, unknown> & { level: "error" }) => void
  }>
  /** The earliest time asked for while a tick runs. */
  #asked = Number.POSITIVE_INFINITY

  /** @returns When it will wake, `at` or earlier. */
  async wakeBy(at: number): Promise<number> {
    this.#asked = Math.min(this.#asked, at)
    const set = await this.ctx.storage.getAlarm()
    if (set !== null && set <= at) return set
    await this.ctx.storage.setAlarm(at)
    return at
  }

  override async alarm(): Promise<void> {
    const { tick, now, log } = await this.openTick()
    this.#asked = Number.POSITIVE_INFINITY
    await this.ctx.storage.setAlarm(now() + AGAIN_AFTER_MS)
    let next: number
    try {
      next = await tick()
    } catch (error) {
      log({ level: "error", event: "tick_failed", causes: [String(error)] })
      next = now() + AGAIN_AFTER_MS
    }
    await this.ctx.storage.setAlarm(Math.min(next, this.#asked))
  }
}
