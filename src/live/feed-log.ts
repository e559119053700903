/** How far a topic has followed the feed: what it has had comes again after a crash, and is passed over. */

import type { PushOrder } from "./objects.ts"
import type { Items } from "./queue.ts"

/** In the key-value storage. */
const PLACE_KEY = "place"

interface Place {
  /** Of the database; empty before the first push. */
  readonly epoch: string
  readonly last: number
  readonly isSure?: boolean
}

export class FeedLog {
  readonly #kv: SyncKvStorage
  #place: Place
  #kept: Place | undefined
  /** What it is told from now on it knows; it begins not to where nothing was kept. */
  #isSure: boolean

  constructor(kv: SyncKvStorage) {
    this.#kv = kv
    this.#kept = kv.get<Place>(PLACE_KEY)
    this.#place = this.#kept ?? { epoch: "", last: 0 }
    this.#isSure = this.#kept?.isSure ?? false
  }

  /** Whether nothing that it was told lies after its place. */
  get isSure(): boolean {
    return this.#isSure
  }

  get epoch(): string {
    return this.#place.epoch
  }

  /** `seq` of the newest change. */
  get last(): number {
    return this.#place.last
  }

  /** @returns What is new of it; undefined when nothing is. */
  take({
    epoch,
    changes,
    callers,
    bookmark,
    mayMiss = false,
    upTo = 0,
    isReset = false,
  }: PushOrder): Items | undefined {
    const before = this.#place.epoch === epoch ? this.#place.last : 0
    const isOther = this.#place.epoch !== epoch && this.#place.epoch !== ""
    const isNew = ({ seq }: { readonly seq: number }) => seq > before
    const items = { changes: changes?.filter(isNew) ?? [], callers: callers?.filter(isNew) ?? [] }
    const seqs = [...items.changes, ...items.callers].map(({ seq }) => seq)
    const last = Math.max(before, upTo, ...seqs)
    if (seqs.length > 0) this.#isSure = true
    this.#place = { epoch, last, isSure: this.#isSure }
    if (seqs.length === 0 && !isOther && !mayMiss && !isReset) return undefined
    return {
      previous: mayMiss ? Math.min(last, ...seqs.map((seq) => seq - 1)) : before,
      last,
      ...(items.changes.length > 0 && { changes: items.changes }),
      ...(items.callers.length > 0 && { callers: items.callers }),
      ...(bookmark !== undefined && { bookmark }),
      ...(isReset && { isReset }),
    }
  }

  /** Written when the hubs have been called, so that it holds up none of them. */
  keep(): void {
    if (this.#kept?.epoch === this.#place.epoch && this.#kept.last === this.#place.last) return
    this.#kept = this.#place
    this.#kv.put(PLACE_KEY, this.#place)
  }

  /** It has moved on and nobody needs to know where: what is kept is no place to go on from. */
  forget(): void {
    if (!this.#kept) return
    this.#kept = undefined
    this.#kv.delete(PLACE_KEY)
  }
}
