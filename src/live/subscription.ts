/** What one socket listens to under one id. */

import type { Change } from "../core/change.ts"
import type { ChannelMessage, PresenceEntry } from "../core/live.ts"
import type { Channel } from "./channel.ts"
import type { Connection } from "./connection.ts"
import type { LiveInput, LivePlan } from "./plan.ts"

interface Common {
  readonly connection: Connection
  /** Chosen by the client. */
  readonly id: string
  /** Moves when it is begun anew or ended: what still goes on for it then finds another number. */
  turn: number
}

/** Of a table, as a push brought it. */
export interface PushedChange {
  readonly change: Change
  readonly epoch: string
  readonly bookmark: string
}

export interface QuerySubscription extends Common {
  readonly kind: "query"
  readonly collection: string
  readonly input: LiveInput
  plan: LivePlan
  /** The epoch and the newest change that it has seen. */
  epoch: string
  at: number
  /** Of its places; undefined until one is told. */
  seal: string | undefined
  /** What is pushed before its snapshot is there. */
  early: PushedChange[] | undefined
}

export interface ChannelSubscription extends Common {
  readonly kind: "channel"
  readonly name: string
  readonly channel: Channel
  readonly params: Readonly<Record<string, string>>
  /** What it tells of itself, JSON text; undefined for one who only watches. */
  presence: string | undefined
  epoch: string
  at: number
  presenceVersion: number
  /** What is pushed before it has joined. */
  early: EarlyPush[] | undefined
}

interface EarlyPush {
  readonly epoch: string
  readonly messages: readonly ChannelMessage[]
  readonly presence: readonly PresenceEntry[]
}

export type Subscription = QuerySubscription | ChannelSubscription
