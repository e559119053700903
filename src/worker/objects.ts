/** The Durable Objects that need to know the backend. */

import { FeedObject, type FeedSurroundings } from "../changes/feed-object.ts"
import type { Backend } from "../index.ts"
import { ClockObject } from "../jobs/clock.ts"
import { HubObject } from "../live/hub-object.ts"
import { TopicObject } from "../live/topic-object.ts"
import { backgroundOf, type Env, log, now } from "./env.ts"

/** Its protected members, some of them abstract in `O`, are nobody's business: they are implemented. */
type ObjectClass<O> = new (...given: ConstructorParameters<typeof FeedObject>) => Pick<O, keyof O>

/** What a Worker's main file makes its own classes of. */
export interface Objects {
  readonly Feed: ObjectClass<FeedObject>
  readonly Clock: ObjectClass<ClockObject>
  readonly Hub: ObjectClass<HubObject>
  readonly Topic: ObjectClass<TopicObject>
}

/**
 * @example
 * const objects = createObjects(backend)
 * export class Feed extends objects.Feed {}
 * export class Clock extends objects.Clock {}
 * export class Hub extends objects.Hub {}
 * export class Topic extends objects.Topic {}
 */
export function createObjects(backend: Backend): Objects {
  class Feed extends FeedObject {
    protected override async openFeed(surroundings: FeedSurroundings) {
      const { openFeed } = await import("./background.ts")
      return openFeed(backgroundOf(backend, this.env as unknown as Env), surroundings)
    }
  }
  class Clock extends ClockObject {
    #tick: (() => Promise<number>) | undefined

    protected override async openTick() {
      const { openTick } = await import("./background.ts")
      this.#tick ??= openTick(backgroundOf(backend, this.env as unknown as Env))
      return { tick: this.#tick, now, log }
    }
  }
  class Hub extends HubObject {
    protected override async options() {
      const { openHub } = await import("./hub.ts")
      return openHub(backend, this.env as unknown as Env)
    }
  }
  class Topic extends TopicObject {
    protected override hubs() {
      return (this.env as unknown as Env).HUB
    }
  }
  return { Feed, Clock, Hub, Topic }
}
