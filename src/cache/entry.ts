/** One answer that everybody may see, and how fresh it is; in KV, a line of JSON and then the body. */

import { parseBookmark } from "../db/bookmark.ts"

/** Longer bodies are not kept. */
export const MOST_BODY_BYTES = 512 * 1024

export interface Entry {
  /** All that the answer depends on. KV knows it by a hash, so it is compared. */
  readonly key: string
  /** What the answer has seen of the database; the caller is given it too. */
  readonly bookmark: string
  readonly epoch: string
  /** The newest change that it has seen: a lagging replica says an old one. */
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly madeAt: number
  /** SQL names of the tables that were read. */
  readonly tables: readonly string[]
  /** Names of the collections that were read. */
  readonly collections: readonly string[]
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export type NewEntry = Omit<Entry, "epoch" | "seq">

/** @returns Undefined where nothing says how fresh the answer is. */
export function entryOf(answer: NewEntry): Entry | undefined {
  const seen = parseBookmark(answer.bookmark)
  return seen && { ...answer, epoch: seen.epoch, seq: seen.seq }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function writeEntry({ body, epoch: _, seq: __, ...head }: Entry): string {
  return `${JSON.stringify(head)}\n${decoder.decode(body)}`
}

/** @returns Undefined for text that is damaged, or of another key with the same name. */
export function readEntry(text: string, key: string): Entry | undefined {
  const end = text.indexOf("\n")
  if (end < 0) return undefined
  try {
    const head = JSON.parse(text.slice(0, end)) as Omit<NewEntry, "body">
    return head.key === key && isSound(head)
      ? entryOf({ ...head, body: encoder.encode(text.slice(end + 1)) })
      : undefined
  } catch {
    return undefined
  }
}

function isSound({ bookmark, madeAt, tables, collections, headers }: Omit<NewEntry, "body">): boolean {
  const texts: unknown[] = [bookmark, headers.ETag, ...tables, ...collections, ...Object.values(headers)]
  return Number.isFinite(madeAt) && Array.isArray(tables) && texts.every((text) => typeof text === "string")
}
