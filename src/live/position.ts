/** Positions on the wire: text that sorts. What a position belongs to stands around its number. */

import { parseBookmark } from "../db/bookmark.ts"

/** As many of an epoch's characters as say when it began; later ones sort behind. */
const EPOCH_LENGTH = 12
const QUERY = /^([0-9a-f]{12})\.(\d{16})\.([\w-]{17,27})$/
const CHANNEL = /^([0-9a-f]{12})\.(\d{16})$/

export interface QueryPosition {
  readonly epoch: string
  readonly seq: number
  /** See `seal.ts`. */
  readonly seal: string
}

export function shortEpoch(epoch: string): string {
  return epoch.slice(0, EPOCH_LENGTH)
}

/** Without its seal: what all who are told a change have in common. */
export function queryPosition(epoch: string, seq: number): string {
  return `${shortEpoch(epoch)}.${pad(seq)}`
}

export function channelPosition(epoch: string, seq: number): string {
  return `${epoch}.${pad(seq)}`
}

/** @returns Undefined for text that is no position. */
export function readQueryPosition(text: string | null | undefined): QueryPosition | undefined {
  const parts = QUERY.exec(text ?? "")
  return parts ? { epoch: parts[1]!, seq: Number(parts[2]), seal: parts[3]! } : undefined
}

export function readChannelPosition(text: string | null | undefined): { epoch: string; seq: number } | undefined {
  const parts = CHANNEL.exec(text ?? "")
  return parts ? { epoch: parts[1]!, seq: Number(parts[2]) } : undefined
}

/** Of an answer that the database gave. */
export function readSeen(bookmark: string | undefined): { epoch: string; seq: number } {
  const seen = parseBookmark(bookmark ?? "")
  if (!seen) throw new Error("the database didn't tell its newest change")
  return seen
}

function pad(seq: number): string {
  return seq.toString().padStart(16, "0")
}
