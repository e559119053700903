/** What a live topic pushes to its hubs. Everything here crosses between Durable Objects, so it is plain data. */

import type { Change } from "./change.ts"

/** A message of a channel, numbered by its topic. */
export interface ChannelMessage {
  /** 1, 2, …, without holes. */
  readonly seq: number
  readonly event: string
  /** JSON text. */
  readonly data: string
  readonly from: Member
  /** RFC 3339. */
  readonly at: string
}

/** Who publishes, or is there. */
export interface Member {
  /** A user's id, a connection's for the anonymous caller, or `service`. */
  readonly id: string
  readonly name?: string
}

/** A member of a channel, with what it tells about itself: JSON text. */
export interface PresentMember extends Member {
  readonly data: string
}

/** Who came, changed and went. `version` grows with each change of a topic's presence. */
export interface PresenceEntry {
  readonly version: number
  readonly kind: "joined" | "updated" | "left"
  readonly member: PresentMember
}

/** An account, a session or a key that is no longer what it was when sockets signed in with it. */
export interface CallerChange {
  readonly seq: number
  readonly kind: "user" | "session" | "key"
  readonly id: string
}

/** What a topic hands to a hub, in the topic's order. */
export interface Push {
  readonly topic: string
  /**
   * The history that positions belong to: the database's epoch for tables and callers, for a channel when its log was
   * begun. Positions of another one mean nothing.
   */
  readonly epoch: string
  /** The position before the first item: a hub that stands before it has missed something. */
  readonly previous: number
  /** The position after the last item. */
  readonly last: number
  readonly changes?: readonly Change[]
  readonly callers?: readonly CallerChange[]
  readonly messages?: readonly ChannelMessage[]
  readonly presence?: readonly PresenceEntry[]
  /** Changes were lost that no log tells of: hubs give fresh snapshots, as they do for another epoch. */
  readonly isReset?: boolean
  /** D1's bookmark, at which the changes can be read. */
  readonly bookmark?: string
}

/** The names of topics: a table's changes, a channel's messages, and what becomes of callers. */
export const CALLERS_TOPIC = "callers"
export const tableTopic = (table: string): string => `table:${table}`
export const channelTopic = (channel: string): string => `channel:${channel}`
