/** What a channel is to those who show it. */

import type { ProblemError } from "./problem.ts"
import type { Store } from "./store.ts"

/** Who is present, and what it tells about itself. */
export interface ChannelMember {
  /** Of the user; of the connection for who isn't signed in. */
  readonly id: string
  readonly name?: string
  readonly data: unknown
}

/** One of the channel's events; `event` tells what its data is. */
export type ChannelMessage<E = Readonly<Record<string, unknown>>> = {
  readonly [K in keyof E & string]: MessageOf<K, E[K]>
}[keyof E & string]

interface MessageOf<N extends string, V> {
  /** Its place in the channel; a text that sorts. */
  readonly seq: string
  readonly event: N
  readonly data: V
  readonly from: { readonly id: string; readonly name?: string }
  /** RFC 3339. */
  readonly at: string
}

export interface ChannelState<E = Readonly<Record<string, unknown>>> {
  /** `offline` keeps what was last known; `failed` was refused, see `problem`. */
  readonly status: "joining" | "joined" | "offline" | "failed"
  readonly problem: ProblemError | undefined
  /** Oldest first: what the channel keeps of before, then what has come; the last 1,000. */
  readonly messages: readonly ChannelMessage<E>[]
  /** In the order of their coming. */
  readonly members: readonly ChannelMember[]
}

export interface ChannelOptions {
  /** What you tell about yourself to who is there; without it you only watch. */
  readonly presence?: unknown
}

/** A channel that this client has joined, until it leaves. */
export interface ChannelRoom<E = Readonly<Record<string, unknown>>> extends Store<ChannelState<E>> {
  /**
   * @throws ProblemError as the channel refuses it; `unreachable` when no answer came: then it may have been published
   * or not.
   */
  publish<K extends keyof E & string>(event: K, data: E[K]): Promise<{ readonly seq: string }>
  /** Tells something else about yourself. */
  present(data: unknown): void
  leave(): void
}
