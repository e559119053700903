/** Lists and channels before the live part of the client is there: it is loaded when the first one is wanted. */

import type { ChannelOptions, ChannelRoom, ChannelState } from "./channel-types.ts"
import { backoffMs, pause } from "./http.ts"
import type { CollectionReads, JoinedChannel, ListClient } from "./live/contract.ts"
import type { LiveState } from "./live-types.ts"
import type { ClientRecord } from "./outbox.ts"
import { unreachable } from "./problem.ts"
import type { QueryObject } from "./query-string.ts"
import { type Store, Value } from "./store.ts"

const LOADING: LiveState<ClientRecord> = {
  data: [],
  status: "loading",
  problem: undefined,
  hasMore: false,
  pending: new Set(),
}
const JOINING: ChannelState = { status: "joining", problem: undefined, messages: [], members: [] }

const MOST_TRIES = 8

/** A list while somebody subscribes. */
export function watchList(
  load: () => Promise<ListClient>,
  collection: CollectionReads,
  query: QueryObject,
): Store<LiveState<ClientRecord>> {
  const value = new Value(LOADING)
  let end: (() => void) | undefined
  function begin(): () => void {
    let isWanted = true
    let list: { end(): void } | undefined
    loaded(load).then(
      (client) => {
        if (isWanted) list = client.open(collection, query, value)
      },
      (cause) => value.set({ ...value.get(), status: "failed", problem: unreachable(cause) }),
    )
    return () => {
      isWanted = false
      list?.end()
    }
  }
  return {
    get: () => value.get(),
    subscribe(changed) {
      const stop = value.subscribe(changed)
      end ??= begin()
      return () => {
        stop()
        if (value.isWatched) return
        end?.()
        end = undefined
      }
    },
  }
}

export function joinChannel(load: () => Promise<ListClient>, name: string, options: ChannelOptions): ChannelRoom {
  const value = new Value(JOINING)
  const joined = loaded(load).then((client) => client.connection.join(name, options, value))
  const whenJoined = (use: (channel: JoinedChannel) => void) => void joined.then(use, () => undefined)
  joined.catch((cause) => value.set({ ...value.get(), status: "failed", problem: unreachable(cause) }))
  return {
    get: () => value.get(),
    subscribe: (changed) => value.subscribe(changed),
    publish: async (event, data) => (await joined).publish(event, data),
    present: (data) => whenJoined((channel) => channel.present(data)),
    leave: () => whenJoined((channel) => channel.leave()),
  }
}

/** The live part of the client is a file of its own, which a bad network may keep away for a while. */
async function loaded(load: () => Promise<ListClient>): Promise<ListClient> {
  for (let tries = 1; ; tries++) {
    try {
      return await load()
    } catch (error) {
      if (tries === MOST_TRIES) throw error
      await pause(backoffMs(tries))
    }
  }
}
