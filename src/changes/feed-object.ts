/** The feed as a Durable Object: one for each database. */

import { DurableObject } from "cloudflare:workers"
import { wait } from "../core/wait.ts"
import type { Feed, FeedStore } from "./feed.ts"
import type { SinkStatus } from "./sink.ts"

/** The one object of the namespace has this name. */
export const FEED_NAME = "feed"

/** Under load, wakes are gathered: a pass costs a query however few changes it finds. */
const GATHER_MS = 20

export interface FeedSurroundings {
  readonly store: FeedStore
  wakeAt(at: number): Promise<void>
}

/** A subclass says which sinks there are. */
export abstract class FeedObject extends DurableObject {
  protected abstract openFeed(surroundings: FeedSurroundings): Promise<Feed>
  #feed: Promise<Feed> | undefined
  #wokenAt = 0
  #isGathering = false

  /** A hint that something was committed; the caller doesn't wait for what comes of it. An idle feed looks at once. */
  wake(): void {
    if (this.#isGathering) return
    this.#isGathering = true
    this.#inBackground(this.#gather().then(() => this.drained()))
  }

  /** Resolves when every sink has what was committed before the call, or rests after a failure. */
  async drained(): Promise<void> {
    await (await this.#open()).drain()
  }

  /** Removes old changes; the clock asks for it, and doesn't wait. */
  prune(): void {
    this.#inBackground(this.#open().then((feed) => feed.prune()))
  }

  async status(): Promise<SinkStatus[]> {
    return (await this.#open()).status()
  }

  /** Set after a failure alone. It waits for nothing, because no other alarm comes before it has ended. */
  override alarm(): void {
    this.wake()
  }

  async #gather(): Promise<void> {
    const waitMs = Math.min(GATHER_MS, this.#wokenAt + GATHER_MS - Date.now())
    if (waitMs > 0) await wait(waitMs)
    this.#isGathering = false
    this.#wokenAt = Date.now()
  }

  #open(): Promise<Feed> {
    const { storage } = this.ctx
    this.#feed ??= this.openFeed({
      store: { get: (key) => storage.kv.get(key), put: (key, value) => storage.kv.put(key, value) },
      wakeAt: async (at) => {
        const set = await storage.getAlarm()
        if (set === null || set > at) await storage.setAlarm(at)
      },
    }).catch((error: unknown) => {
      this.#feed = undefined
      throw error
    })
    return this.#feed
  }

  /** The changes stay where they are: the clock wakes the feed again. */
  #inBackground(work: Promise<void>): void {
    const reported = work.catch((error: unknown) => {
      console.error(JSON.stringify({ level: "error", event: "feed_failed", causes: [String(error)] }))
    })
    this.ctx.waitUntil(reported)
  }
}
