/** Calls between the live objects that get lost on their way, or whose answers do. */

import type { Push } from "../../src/core/live.ts"
import type { HubStub, LiveNamespace, PushOrder, TopicStub } from "../../src/live/objects.ts"
import { Topic } from "./app/worker.ts"

/** `before` anything is done, or `after` all of it. */
export type Fate = "before" | "after"

const toHubs: Fate[] = []
const toTopics: Fate[] = []

/** The next pushes of topics to hubs, for the caller: an object whose method throws can't be evicted here for 30 s. */
export function losePushesToHubs(fates: readonly Fate[]): readonly Fate[] {
  patch(Topic.prototype as never)
  toHubs.splice(0, Infinity, ...fates)
  return toHubs
}

/** The next pushes of the feed to topics. The topics are to be aborted afterwards. */
export function losePushesToTopics(fates: readonly Fate[]): readonly Fate[] {
  patch(Topic.prototype as never)
  toTopics.splice(0, Infinity, ...fates)
  return toTopics
}

interface Patched {
  hubs(): LiveNamespace<HubStub>
  push: TopicStub["push"]
}

let isPatched = false

/** A spy would keep what it was called with. */
function patch(topic: Patched): void {
  if (isPatched) return
  isPatched = true
  const { hubs, push } = topic
  topic.hubs = function () {
    const real = hubs.call(this)
    return {
      getByName(name, options) {
        const stub = real.getByName(name, options)
        return {
          fetch: (request) => stub.fetch(request),
          deliver: (order: Push) => meet(toHubs, () => stub.deliver(order)),
        }
      },
    }
  }
  topic.push = function (order: PushOrder) {
    return meet(toTopics, () => push.call(this, order))
  }
}

async function meet<V>(fates: Fate[], call: () => Promise<V>): Promise<V> {
  const fate = fates.shift()
  if (fate === "before") throw new Error("the call is lost")
  const answer = await call()
  if (fate === "after") throw new Error("the answer is lost")
  return answer
}
