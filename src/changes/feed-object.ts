/** The feed as a Durable Object: one for each database. */

import { DurableObject } from "cloudflare:workers"
import type { Feed, FeedStore } from "./feed.ts"
import type { SinkStatus } from "./sink.ts"

/** The one object of the namespace has this name. */
export const FEED_NAME = "feed"

export interface FeedSurroundings {
  readonly store: FeedStore
  wakeAt(at: number): Promise<void>
}

/** A subclass says which sinks there are. */
export abstract class FeedObject extends DurableObject {
  protected abstract openFeed(surroundings: FeedSurroundings): Promise<Feed>
  #feed: Promise<Feed> | undefined

  /** A hint that something was committed; the caller doesn't wait for what comes of it. */
  wake(): void {
    this.#inBackground(this.drained())
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
