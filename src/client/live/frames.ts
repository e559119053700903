/** What goes over the wire, as far as the client looks into it. */

import type { ChannelMember, ChannelMessage } from "../channel-types.ts"
import { type ProblemBody, refusal } from "../problem.ts"
import { jsonText } from "../query-string.ts"

export const LONGEST_WAIT_MS = 30_000
const MOST_FRAME_BYTES = 64 * 1024

export interface ServerMessage {
  readonly type: string
  /** Of the subscription. */
  readonly id?: string
  /** Of the publish that it answers. */
  readonly ref?: string
  readonly seq?: string
  readonly bookmark?: string
  /** Milliseconds before who was cut off comes back. */
  readonly retry?: number
  readonly problem?: ProblemBody
}

export interface PresenceFrame {
  readonly type: "presence"
  readonly joined: readonly ChannelMember[]
  readonly updated: readonly ChannelMember[]
  readonly left: readonly ChannelMember[]
}

export type ChannelFrame =
  | {
      readonly type: "snapshot"
      readonly members: readonly ChannelMember[]
      readonly messages: readonly ChannelMessage[]
    }
  | ({ readonly type: "message" } & ChannelMessage)
  | PresenceFrame

/** @throws ProblemError for what would end the whole connection. */
export function frameText(frame: object): string {
  const text = jsonText(frame)
  if (new Blob([text]).size > MOST_FRAME_BYTES) throw refusal("payload_too_large", 413, "The message is too large.")
  return text
}

/** How long to stay away: longer each time, and at random, so that clients that fell together don't come back together. */
export function waitMs(retryMs: number, failures: number): number {
  return Math.min(retryMs * 2 ** failures * (1 + Math.random() / 2), LONGEST_WAIT_MS)
}
