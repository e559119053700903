/** What a channel is to those who publish into it from the server. */

import type { Caller } from "./caller.ts"

/** A declared channel. `P` are its parameters, `E` the data that each of its events takes, `T` its pattern. */
export interface ChannelHandle<P = never, E = never, T extends string = string> {
  readonly pattern: T
  /** Carries the types; there is nothing in it. */
  readonly takes?: (params: P, events: E) => void
}

export interface PublishOptions {
  /** Whom the message is from, by id; the service unless told. Its rules aren't asked. */
  as?: Caller
}

export interface LivePublisher {
  /**
   * Sends a message to everybody in the channel, whatever its rules say, and stores it in the channel's history. It
   * isn't part of any batch: publish what has been committed, or publish in a job that is enqueued with the write.
   *
   * @param params Of the channel's pattern, `{}` where it has none.
   * @param data Taken by the event's schema; at most 64 KiB as JSON.
   * @returns The message's place in the channel; a text that sorts.
   * @throws SelvedgeError `validation_failed` for an event or data that the channel doesn't take, `payload_too_large`,
   * `not_found` for parameters that no name can hold, `overloaded` when the channel can't be reached: then the message
   * may have been sent or not.
   * @throws TypeError for a channel that isn't one of the backend's.
   * @example
   * await ctx.live.publish(room, { id: "42" }, "message", { text: "The film begins." })
   */
  publish<P extends Readonly<Record<string, string>>, E, K extends keyof E & string>(
    channel: ChannelHandle<P, E>,
    params: NoInfer<P>,
    event: K,
    data: NoInfer<E[K]>,
    options?: PublishOptions,
  ): Promise<{ seq: string }>
}
