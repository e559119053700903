/** What one isolate has written: nobody has to tell it. */

import type { Bookmark } from "../db/bookmark.ts"
import type { Entry } from "./entry.ts"

/** Tables that a request has written, by SQL name; open where there may be others. */
export interface Written {
  readonly names: Iterable<string>
  readonly isOpen: boolean
}

export class OwnWrites {
  #epoch = ""
  /** By SQL name, the newest change. */
  #seqs = new Map<string, number>()
  /** The newest change that may be of any table. */
  #any = 0

  note({ names, isOpen }: Written, { epoch, seq }: Bookmark): void {
    if (this.#epoch !== epoch) {
      this.#epoch = epoch
      this.#seqs = new Map()
      this.#any = 0
    }
    if (isOpen) this.#any = Math.max(this.#any, seq)
    for (const name of names) this.#seqs.set(name, Math.max(this.#seqs.get(name) ?? 0, seq))
  }

  areSeenBy({ epoch, seq, tables }: Entry): boolean {
    if (this.#epoch !== epoch) return true
    return this.#any <= seq && tables.every((table) => (this.#seqs.get(table) ?? 0) <= seq)
  }
}
