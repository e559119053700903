/** What the parts of the live client tell each other. */

import type { ChannelOptions, ChannelState } from "../channel-types.ts"
import type { ListRequest } from "../list-request.ts"
import type { LiveState } from "../live-types.ts"
import type { ClientRecord } from "../outbox.ts"
import type { ProblemError } from "../problem.ts"
import type { QueryObject } from "../query-string.ts"
import type { Value } from "../store.ts"

/** The list as it is now; replaces what was known. */
export interface Snapshot {
  readonly type: "snapshot"
  readonly data: readonly ClientRecord[]
  readonly page: { readonly next: string | null }
  /** The keys that it is sorted by, `-` before those that descend: `-rating,title,id`. */
  readonly sort: string
  /** The place in the database's history that it has seen. */
  readonly bookmark?: string
}

/** What a committed write means to the list. */
export interface ListChange {
  readonly type: "change"
  readonly op: "added" | "modified" | "removed"
  readonly recordId: string
  /** Absent where it is removed. */
  readonly record?: ClientRecord
  readonly bookmark?: string
}

export interface QueryListener {
  /** In order; between a snapshot and what follows nothing is missing, over any number of connections. */
  take(message: Snapshot | ListChange): void
  /**
   * Refused; `not_found` where the collection isn't live. Where the problem has `retryAfter`, or is the server's own, it
   * is asked again by itself, and so is everything when the user changes: a snapshot comes then.
   */
  fail(problem: ProblemError): void
  /** Whether changes come, or what is shown may be old. True as soon as it is asked: what was missed follows. */
  connected(isConnected: boolean): void
  /** Somebody else is signed in: what was told is not theirs to see. A snapshot or a problem follows. */
  forget?(): void
}

export interface Subscription {
  /** Asks anew, for something else or the same: another snapshot comes. */
  ask(query: QueryObject): void
  end(): void
}

/** A joined channel, whose state goes into the value that it was given. */
export interface JoinedChannel {
  publish(event: string, data: unknown): Promise<{ readonly seq: string }>
  present(data: unknown): void
  leave(): void
}

/** One connection for everything that is live; it opens with the first subscription and closes after the last. */
export interface LiveConnection {
  follow(collection: string, query: QueryObject, listener: QueryListener): Subscription
  join(channel: string, options: ChannelOptions, state: Value<ChannelState>): Promise<JoinedChannel>
  close(): void
}

/** What a list needs of its collection. */
export interface CollectionReads {
  readonly name: string
  list(query: QueryObject, options: { readonly signal: AbortSignal }): ListRequest<ClientRecord>
}

export interface ListClient {
  readonly connection: LiveConnection
  /** Keeps the value as the list is, until it is ended. */
  open(collection: CollectionReads, query: QueryObject, value: Value<LiveState<ClientRecord>>): { end(): void }
}
