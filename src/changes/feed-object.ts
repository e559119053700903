/** The feed as a Durable Object: one for each database. */

import { DurableObject } from "cloudflare:workers"
import type { Feed, FeedStore } from "./feed.ts"
import type { SinkStatus } from "./sink.ts"

/** The one object of the namespace has this name. */
export const FEED_NAME = "feed"

const AGAIN_AFTER_MS = 1_000

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
    this.ctx.waitUntil(this.#drain())
  }

  /** Resolves when every sink has what was committed before the call, or rests after a failure. */
  async drained(): Promise<void> {
    await (await this.#open()).drain()
  }

  /** Removes old changes; the clock asks for it. */
  async prune(): Promise<void> {
    await (await this.#open()).prune()
  }

  async status(): Promise<SinkStatus[]> {
    return (await this.#open()).status()
  }

  override async alarm(): Promise<void> {
    await this.#drain()
  }

  #open(): Promise<Feed> {
    const { storage } = this.ctx
    this.#feed ??= this.openFeed({
      store: { get: (key) => storage.kv.get(key), put: (key, value) => storage.kv.put(key, value) },
      wakeAt: async (at) => {
        const set = await storage.getAlarm()
        if (set === null || set > at) await storage.setAlarm(at)
      },
    })
    return this.#feed
  }

  /** The database may be away: the changes stay where they are. */
  async #drain(): Promise<void> {
    try {
      await this.drained()
    } catch (error) {
      console.error(JSON.stringify({ level: "error", event: "feed_failed", causes: [String(error)] }))
      await this.ctx.storage.setAlarm(Date.now() + AGAIN_AFTER_MS)
    }
  }
}
