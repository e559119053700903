/** All channels that an application declares, checked against each other. */

import type { Channel, ChannelDefinition } from "./channel.ts"
import { overlap, type Params } from "./pattern.ts"

/** By their patterns. */
export type Channels = ReadonlyMap<string, Channel>

/**
 * @param values What isn't a channel is passed over.
 * @throws TypeError for patterns that could match the same name.
 */
export function compileChannels(values: readonly unknown[]): Channels {
  const channels = new Map<string, Channel>()
  for (const { channel } of new Set(values.filter(isChannel))) {
    const twin = [...channels.values()].find((other) => overlap(other.parsed, channel.parsed))
    if (twin)
      throw new TypeError(
        `channel ${channel.pattern}: a name can be of this and of ${twin.pattern}; begin one of them in another way`,
      )
    channels.set(channel.pattern, channel)
  }
  return channels
}

function isChannel(value: unknown): value is ChannelDefinition {
  return ((value ?? {}) as Partial<ChannelDefinition>).kind === "channel"
}

/** @returns The one channel whose names hold this one, with its parameters. */
export function findChannel(
  channels: Channels,
  name: string,
): { readonly channel: Channel; readonly params: Params } | undefined {
  for (const channel of channels.values()) {
    const params = channel.match(name)
    if (params) return { channel, params }
  }
  return undefined
}
