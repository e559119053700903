/** Publishes into channels from routes and jobs. */

import { ANONYMOUS, type Caller, SERVICE } from "../core/caller.ts"
import { channelTopic, type Member } from "../core/live.ts"
import type { ChannelHandle, LivePublisher } from "../core/publish.ts"
import { callTopic } from "./call-topic.ts"
import type { Channels } from "./channels.ts"
import { messageText } from "./message-text.ts"
import type { LiveNamespace, TopicStub } from "./objects.ts"
import { channelPosition } from "./position.ts"

/** @param topics Asked when something is published, and not before. */
export function createPublisher(channels: Channels, topics: LiveNamespace<TopicStub>): LivePublisher {
  return {
    async publish(handle, params, event, data, { as = SERVICE } = {}) {
      const channel = channelOf(channels, handle)
      const name = channel.name(params)
      const text = messageText(channel.check(event, data))
      const order = { history: channel.history, event, data: text, from: memberOf(as) }
      const { epoch, seq } = await callTopic(() => topics.getByName(channelTopic(name)).publish(order))
      return { seq: channelPosition(epoch, seq) }
    },
  }
}

function channelOf(channels: Channels, { pattern }: ChannelHandle) {
  const channel = channels.get(pattern)
  if (channel) return channel
  throw new TypeError(
    `channel ${pattern}: the backend has no such channel; export it from the module of defineBackend({ channels })`,
  )
}

/** The id of the anonymous caller is no text to show. */
function memberOf({ id }: Caller): Member {
  return { id: id === ANONYMOUS.id ? "anonymous" : id }
}
