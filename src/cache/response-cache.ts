/** Answers that everybody may see: held by the isolate, and in KV for all isolates. */

import type { CachePolicy } from "../access/cache-policy.ts"
import type { Collections } from "../access/model.ts"
import { type Bookmark, parseBookmark } from "../db/bookmark.ts"
import { definitionsHash } from "./definitions-hash.ts"
import { type Entry, MOST_BODY_BYTES, readEntry } from "./entry.ts"
import { Flights } from "./flights.ts"
import { type Held, Memory } from "./memory.ts"
import { OwnWrites, type Written } from "./own-writes.ts"
import { type Asking, Store, type StoreOptions } from "./store.ts"
import { covers } from "./versions.ts"

/** Longer ones are answered by the database alone. */
const LONGEST_URL = 2_048
/** For so long the isolate relies on the versions that it has read. */
const VERSIONS_MS = 1_000
/** From then on they are read anew beside the next answer. */
const REFRESH_AFTER_MS = 500
/** An answer that is asked for again within this time goes into KV. */
const ASKED_AGAIN_MS = 10_000
/** For so long the isolate remembers that KV had nothing of use. */
const ABSENT_MS = 10_000
const MOST_ABSENT = 2_000
/** Keys that the isolate remembers, each of no longer an address than this. */
const MOST_KEYS = 2_000
const LONGEST_REMEMBERED_URL = 512
/** How far the clocks of two isolates may be apart: what is of a later time than that is not served. */
const SKEW_MS = 1_000

export interface Wanted {
  readonly key: string
  /** What the caller has seen: nothing older is served. */
  readonly seen: Bookmark | undefined
  readonly policy: CachePolicy
  /** Whether the caller may see what was made of these collections, as it is. */
  readonly mayServe: (collections: readonly string[]) => boolean
}

export interface ResponseCacheOptions extends StoreOptions {
  readonly collections: Collections
}

export class ResponseCache {
  readonly #options: ResponseCacheOptions
  readonly #memory = new Memory()
  readonly #store: Store
  readonly #flights = new Flights<Entry | undefined>()
  readonly #own = new OwnWrites()
  /** When KV had nothing of use under a key. */
  readonly #absent = new Map<string, number>()
  /** By the address as it came: most addresses come again. */
  readonly #keys = new Map<string, string>()
  #definitions: string | undefined

  constructor(options: ResponseCacheOptions) {
    this.#options = options
    this.#store = new Store(options)
  }

  /** Equal for equal questions, in whatever order the parameters stand; undefined where the address is too long. */
  keyOf(url: string): string | undefined {
    return url.length > LONGEST_URL ? undefined : (this.#keys.get(url) ?? this.#makeKey(url))
  }

  /** An answer that is fresh enough; at once, where the isolate knows enough to tell. */
  find(wanted: Wanted, asking: Asking): Entry | undefined | Promise<Entry | undefined> {
    const held = this.#memory.get(wanted.key)
    const knownMs = this.#options.now() - this.#store.versionsAt
    const isKnown = knownMs >= 0 && knownMs <= VERSIONS_MS
    if (isKnown && held && this.#serves(held.entry, wanted)) {
      if (knownMs > REFRESH_AFTER_MS) this.#store.refresh(asking)
      return this.#hit(held, wanted, asking)
    }
    if (!isKnown && held && this.#isInTime(held.entry, wanted) && hasSeen(held.entry, wanted.seen))
      return this.#check(held, wanted, asking)
    return this.#isAbsent(wanted.key) ? undefined : this.#fetch(wanted, asking)
  }

  /**
   * Makes an answer, or takes that of another request which is making it.
   *
   * @param make Gives the entry, or undefined where not everybody may see the answer.
   */
  make(
    wanted: Wanted,
    { later }: Pick<Asking, "later">,
    make: () => Promise<Entry | undefined>,
  ): Promise<Entry | undefined> {
    const kept = async () => {
      const entry = await make()
      if (entry && entry.body.byteLength <= MOST_BODY_BYTES) this.#keep(entry)
      return entry
    }
    const isUsable = (entry: Entry | undefined) => entry !== undefined && this.#serves(entry, wanted)
    return this.#flights.share(wanted.key, kept, isUsable, later)
  }

  /** Makes an answer beside one that is given although it is old, unless somebody does. */
  renew(wanted: Wanted, asking: Pick<Asking, "later">, make: () => Promise<Entry | undefined>): void {
    if (!this.#flights.isUnderWay(wanted.key)) asking.later(this.make(wanted, asking, make))
  }

  /** The last good answer, for when no other can be made. */
  lastGood({ key, seen, policy, mayServe }: Wanted): Entry | undefined {
    const entry = this.#memory.get(key)?.entry
    if (!entry || !this.#isWithin(entry, policy.maxAgeMs + policy.staleIfErrorMs)) return undefined
    return hasSeen(entry, seen) && mayServe(entry.collections) ? entry : undefined
  }

  /** Takes in what a request of this isolate has written; what the next one reads has seen it. */
  wrote(written: Written, bookmark: string | undefined): void {
    const seen = bookmark === undefined ? undefined : parseBookmark(bookmark)
    if (seen) this.#own.note(written, seen)
  }

  /** What the isolate holds would do, if no version is newer. */
  async #check(held: Held, wanted: Wanted, asking: Asking): Promise<Entry | undefined> {
    const read = await this.#store.read(undefined, asking)
    return read !== undefined && this.#serves(held.entry, wanted) ? this.#hit(held, wanted, asking) : undefined
  }

  async #fetch(wanted: Wanted, asking: Asking): Promise<Entry | undefined> {
    const { key } = wanted
    const text = await this.#store.read(key, asking)
    if (text === undefined) return undefined
    const entry = text === null ? undefined : readEntry(text, key)
    if (entry) this.#keep(entry, this.#options.now())
    const held = this.#memory.get(key)
    if (held && this.#serves(held.entry, wanted)) return this.#hit(held, wanted, asking)
    this.#remember(key)
    return undefined
  }

  #makeKey(url: string): string {
    this.#definitions ??= definitionsHash(this.#options.collections)
    const { pathname, searchParams } = new URL(url)
    searchParams.sort()
    const key = `${this.#definitions} ${pathname}?${searchParams}`
    if (url.length <= LONGEST_REMEMBERED_URL) this.#keys.set(url, key)
    if (this.#keys.size > MOST_KEYS) this.#keys.delete(this.#keys.keys().next().value!)
    return key
  }

  #remember(key: string): void {
    this.#absent.delete(key)
    this.#absent.set(key, this.#options.now())
    if (this.#absent.size > MOST_ABSENT) this.#absent.delete(this.#absent.keys().next().value!)
  }

  #isAbsent(key: string): boolean {
    const at = this.#absent.get(key)
    return at !== undefined && Math.abs(this.#options.now() - at) < ABSENT_MS
  }

  #serves(entry: Entry, wanted: Wanted): boolean {
    return (
      this.#isInTime(entry, wanted) &&
      hasSeen(entry, wanted.seen) &&
      covers(this.#store.versions, entry) &&
      this.#own.areSeenBy(entry) &&
      wanted.mayServe(entry.collections)
    )
  }

  #isInTime(entry: Entry, { policy }: Wanted): boolean {
    return this.#isWithin(entry, policy.maxAgeMs + policy.staleWhileRevalidateMs)
  }

  #isWithin({ madeAt }: Entry, mostMs: number): boolean {
    const ageMs = this.#options.now() - madeAt
    return ageMs >= -SKEW_MS && ageMs <= mostMs
  }

  /** Puts what is asked for again into KV. */
  #hit(held: Held, { policy }: Wanted, { cost, later }: Asking): Entry {
    const now = this.#options.now()
    const { entry } = held
    if (now - entry.madeAt < ASKED_AGAIN_MS && held.storedAt < entry.madeAt && this.#store.mayPut(held.storedAt)) {
      held.storedAt = now
      cost.kvWrites++
      this.#absent.delete(entry.key)
      later(this.#store.put(entry, policy))
    }
    return entry
  }

  /** A lagging replica's answer doesn't take the place of a newer one. */
  #keep(entry: Entry, storedAt?: number): void {
    const held = this.#memory.get(entry.key)
    const isSound = held?.entry.epoch === entry.epoch && held.entry.madeAt <= this.#options.now() + SKEW_MS
    if (held && isSound && isOlder(entry, held.entry)) return
    this.#memory.set({ entry, storedAt: storedAt ?? held?.storedAt ?? Number.NEGATIVE_INFINITY })
  }
}

function hasSeen(entry: Entry, seen: Wanted["seen"]): boolean {
  return !seen || (seen.epoch === entry.epoch && seen.seq <= entry.seq)
}

function isOlder(entry: Entry, other: Entry): boolean {
  return entry.seq < other.seq || (entry.seq === other.seq && entry.madeAt < other.madeAt)
}
