/** What the run orders of a client process, and what it is answered. */

import type { Tally } from "./tally.ts"
import type { WireName } from "./wire.ts"

/** `frame` by a socket of its own, `post` by HTTP through the API, `rows` by SQL beside it. */
export type How = "frame" | "post" | "rows"

export type Order =
  /** Sockets `first` to `first + count` of `total`, all subscribed when it is answered. */
  | {
      readonly kind: "open"
      readonly port: number
      readonly wire: WireName
      readonly first: number
      readonly count: number
      readonly total: number
    }
  | { readonly kind: "reset"; readonly sampleEvery: number }
  | { readonly kind: "counts" }
  | { readonly kind: "tally" }
  /** Evenly spaced, whether or not they are acknowledged. */
  | { readonly kind: "publish"; readonly how: How; readonly perSecond: number; readonly times: number }
  /** As fast as `inFlight` that wait for their acknowledgement allow. */
  | { readonly kind: "flood"; readonly how: How; readonly inFlight: number; readonly ms: number }

export type OrderOf<K extends Order["kind"]> = Extract<Order, { readonly kind: K }>

/** Times in microseconds. */
export interface Published {
  readonly messages: number
  readonly firstAt: number
  /** When none waited for its acknowledgement any more. */
  readonly endedAt: number
  /** How long nobody was allowed to publish, by the server's own limit. */
  readonly heldUp: number
}

export interface Answers {
  readonly open: null
  readonly reset: null
  readonly counts: Omit<Tally, "sent" | "took"> & {
    readonly closed: readonly number[]
    readonly said: string | undefined
  }
  readonly tally: Tally
  readonly publish: Published
  readonly flood: Published
}

/** Rows of one batch of SQL. */
export const ROWS_PER_BATCH = 20
