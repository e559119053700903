/** Topics and hubs as they see each other: through RPC, as plain data. */

import type { Change } from "../core/change.ts"
import type { CallerChange, ChannelMessage, Member, PresentMember, Push } from "../core/live.ts"

/** What a channel keeps of its messages; whichever bound comes first. */
export interface History {
  readonly messages: number
  /** Milliseconds; undefined for any age. */
  readonly maxAgeMs: number | undefined
}

/** A topic's answer to a hub that wants its pushes. Whatever comes after it is pushed. */
export interface Entered {
  /** That of a push; empty before the first. */
  readonly epoch: string
  /** The position of the newest item; 0 before the first. */
  readonly last: number
  /** Whether the topic may have been told of more, which it has forgotten: it had no hubs then. */
  readonly isUnsure?: boolean
}

/** How one socket joins a channel. */
export interface JoinOrder {
  readonly hub: string
  readonly connection: string
  readonly history: History | undefined
  /** Whom to list as present; undefined for one who only watches. */
  readonly member: PresentMember | undefined
  /** The place in the log to go on from: that of the last message that the client has. */
  readonly since: { readonly epoch: string; readonly seq: number } | undefined
}

/** Its epoch is when the log was begun: 12 hexadecimal digits, so that it sorts by time. */
export interface Joined extends Entered {
  /** Whether `messages` are exactly those after `since`; else they are the newest that are kept. Oldest first. */
  readonly isResumed: boolean
  readonly messages: readonly ChannelMessage[]
  /** Everybody who is there, and the version of that. */
  readonly members: readonly PresentMember[]
  readonly presenceVersion: number
}

export interface PublishOrder {
  readonly history: History | undefined
  readonly event: string
  /** JSON text. */
  readonly data: string
  readonly from: Member
}

/** What the feed hands to a table's topic, or to that of callers. */
export interface PushOrder {
  /** Of the database; another than before means that positions begin anew. */
  readonly epoch: string
  readonly changes?: readonly Change[]
  readonly callers?: readonly CallerChange[]
  readonly bookmark?: string | undefined
  /** Whether changes before these may not have come: hubs look for themselves what they have missed. */
  readonly mayMiss?: boolean
  /** Where the log stands at least, where changes that a topic wasn't told are all there is to tell. */
  readonly upTo?: number
  /** Whether hubs give fresh snapshots. */
  readonly isReset?: boolean
}

/** What came after a message, for those who have missed a push. */
export interface Missed {
  /** The log that was looked through: it may be another than the number was of. */
  readonly epoch: string
  readonly messages: readonly ChannelMessage[]
  /** Whether these are all. */
  readonly isWhole: boolean
}

/** The topic, as hubs, the feed and the Worker call it. Its name says what it is: see `core/live.ts`. */
export interface TopicStub {
  /** A table's changes or callers, out of the feed, in order. Those it has had are passed over. */
  push(order: PushOrder): Promise<void>
  /** Makes the hub one of those that get pushes. */
  enter(hub: string): Promise<Entered>
  /** The same for a channel, with what a client is shown first. */
  join(order: JoinOrder): Promise<Joined>
  /** Messages after `seq` that are still kept. */
  missed(seq: number): Promise<Missed>
  publish(order: PublishOrder): Promise<{ readonly seq: number; readonly epoch: string }>
  /** Lists a socket's member, changes what it tells, or takes it off the list. */
  present(hub: string, connection: string, member: PresentMember | undefined): Promise<void>
}

/** The hub, as topics call it; clients reach it by `fetch`. */
export interface HubStub {
  fetch(request: Request): Promise<Response>
  /** Resolves when what is due to each socket has been sent. @returns How many sockets listen to the topic. */
  deliver(push: Push): Promise<number>
}

export interface LiveNamespace<S> {
  getByName(name: string, options?: { locationHint?: DurableObjectLocationHint }): S
}
