/**
 * `Selvedge-Bookmark` is `epoch.seq.d1bookmark`: the history of the database, the newest change that the answer has
 * seen, padded to 16 digits so that the greatest text is the newest, and D1's own bookmark.
 */

const BOOKMARK = /^([0-9a-f]{32})\.(\d{16})\.([\w-]{1,200})?$/

export interface Bookmark {
  readonly epoch: string
  readonly seq: number
  /** Empty where D1 gives none. */
  readonly d1: string
}

/** @returns Undefined for a text that is no bookmark: the primary must answer then. */
export function parseBookmark(text: string): Bookmark | undefined {
  const parts = BOOKMARK.exec(text)
  return parts ? { epoch: parts[1]!, seq: Number(parts[2]), d1: parts[3] ?? "" } : undefined
}

export function formatBookmark({ epoch, seq, d1 }: Bookmark): string {
  return `${epoch}.${seq.toString().padStart(16, "0")}.${d1}`
}
