/** Answers that everybody may see: held by the isolate, and in KV for all isolates. */

import type { CachePolicy } from "../access/cache-policy.ts"
import type { Collections } from "../access/model.ts"
import type { Clock } from "../core/clock.ts"
import { hashText } from "../core/hash.ts"
import { parseBookmark } from "../db/bookmark.ts"
import type { Cost } from "../db/cost.ts"
import { definitionsHash } from "./definitions-hash.ts"
import { type Entry, MOST_BODY_BYTES, readEntry, writeEntry } from "./entry.ts"
import { type Held, Memory } from "./memory.ts"
import { covers, NO_VERSIONS, readVersions, VERSIONS_KEY, type Versions } from "./versions.ts"

/** Longer ones are answered by the database alone. */
const LONGEST_URL = 2_048
/** For so long the isolate relies on the versions that it has read. */
const VERSIONS_MS = 1_000
/** From then on they are read anew beside the next answer. */
const REFRESH_AFTER_MS = 500
/** An answer that is asked for again within this time goes into KV. */
const ASKED_AGAIN_MS = 10_000
/** An answer goes into KV from one isolate this often at most. A put costs as much as ten reads. */
const PUT_EVERY_MS = 20_000
/** Puts of one isolate in a minute, whatever is asked. */
const MOST_PUTS = 30
const MINUTE_MS = 60_000
/** The shortest life that KV takes. */
const SHORTEST_TTL_S = 60
/** Keys of which the isolate remembers that KV had nothing. */
const MOST_ABSENT = 5_000
/** Whoever waits for another request's answer asks the database after this time: the other may have been cancelled. */
const FOLLOW_MS = 1_000

export interface Wanted {
  readonly key: string
  /** What the caller has seen: nothing older is served. */
  readonly seen: { readonly epoch: string; readonly seq: number } | undefined
  readonly policy: CachePolicy
  /** Whether the caller may see what was made of these collections, as it is. */
  readonly mayServe: (collections: readonly string[]) => boolean
}

export interface Request {
  readonly cost: Cost
  /** Takes work that goes on after the answer. */
  readonly later: (work: Promise<unknown>) => void
}

export interface ResponseCacheOptions {
  readonly kv: Pick<KVNamespace, "get" | "put">
  readonly collections: Collections
  readonly now: Clock
  readonly log: (line: { level: "error"; event: string; causes: string[] }) => void
}

export class ResponseCache {
  readonly #options: ResponseCacheOptions
  readonly #memory = new Memory()
  readonly #flights = new Map<string, Promise<Entry | undefined>>()
  /** When KV had nothing under a key. */
  readonly #absent = new Map<string, number>()
  #versions: Versions = NO_VERSIONS
  /** What this isolate has written itself: nobody has to tell it. `any` may be of any table. */
  #own: { epoch: string; seqs: Record<string, number>; any: number } = { epoch: "", seqs: {}, any: 0 }
  #versionsAt = Number.NEGATIVE_INFINITY
  #refreshing = 0
  #puts = { minute: 0, count: 0 }
  #definitions: string | undefined

  constructor(options: ResponseCacheOptions) {
    this.#options = options
  }

  /** Equal for equal questions, in whatever order the parameters stand; undefined where the address is too long. */
  keyOf(url: string): string | undefined {
    if (url.length > LONGEST_URL) return undefined
    this.#definitions ??= definitionsHash(this.#options.collections)
    const { pathname, searchParams } = new URL(url)
    searchParams.sort()
    return `${this.#definitions} ${pathname}?${searchParams}`
  }

  /** An answer that is fresh enough; at once, where the isolate knows enough to tell. */
  find(wanted: Wanted, request: Request): Entry | undefined | Promise<Entry | undefined> {
    const now = this.#options.now()
    const held = this.#memory.get(wanted.key)
    const knownMs = now - this.#versionsAt
    if (knownMs > VERSIONS_MS || knownMs < 0) return this.#ask(wanted, request, held)
    if (knownMs > REFRESH_AFTER_MS && now - this.#refreshing > VERSIONS_MS) {
      this.#refreshing = now
      request.later(this.#read([VERSIONS_KEY], request.cost))
    }
    if (held && this.#serves(held.entry, wanted)) return this.#hit(held, wanted, request)
    return this.#isAbsent(wanted.key) ? undefined : this.#ask(wanted, request, held)
  }

  /**
   * Makes an answer, or takes that of another request which is making it.
   *
   * @param make Gives the entry, or undefined where not everybody may see the answer.
   */
  async make(
    wanted: Wanted,
    { later }: Pick<Request, "later">,
    make: () => Promise<Entry | undefined>,
  ): Promise<Entry | undefined> {
    const other = this.#flights.get(wanted.key)
    const followed = other && (await inTime(other))
    if (followed && this.#serves(followed, wanted)) return followed
    const flight = make()
    this.#flights.set(wanted.key, flight)
    const settled = flight
      .catch(() => undefined)
      .then(() => {
        if (this.#flights.get(wanted.key) === flight) this.#flights.delete(wanted.key)
      })
    later(settled)
    const entry = await flight
    if (entry && entry.body.byteLength <= MOST_BODY_BYTES) this.#keep(entry)
    return entry
  }

  /** The last good answer, for when no other can be made. */
  lastGood({ key, seen, policy, mayServe }: Wanted): Entry | undefined {
    const entry = this.#memory.get(key)?.entry
    if (!entry || this.#options.now() - entry.madeAt > policy.maxAgeMs + policy.staleIfErrorMs) return undefined
    return hasSeen(entry, seen) && mayServe(entry.collections) ? entry : undefined
  }

  /** Takes in what a request of this isolate has written; what the next one reads has seen it. */
  wrote({ names, isOpen }: { names: Iterable<string>; isOpen: boolean }, bookmark: string | undefined): void {
    const seen = bookmark === undefined ? undefined : parseBookmark(bookmark)
    if (!seen) return
    const { epoch, seq } = seen
    if (this.#own.epoch !== epoch) this.#own = { epoch, seqs: {}, any: 0 }
    if (isOpen) this.#own.any = Math.max(this.#own.any, seq)
    for (const name of names) this.#own.seqs[name] = Math.max(this.#own.seqs[name] ?? 0, seq)
  }

  /** What the isolate doesn't know: the versions, the entry, or both by one read. */
  async #ask(wanted: Wanted, request: Request, held: Held | undefined): Promise<Entry | undefined> {
    const { key } = wanted
    const isUsable = held && isInTime(held.entry, wanted, this.#options.now()) && hasSeen(held.entry, wanted.seen)
    const name = nameOf(key)
    const asksEntry = !isUsable && !this.#isAbsent(key)
    const values = await this.#read(asksEntry ? [VERSIONS_KEY, name] : [VERSIONS_KEY], request.cost)
    if (!values) return undefined
    if (asksEntry) this.#take(key, values.get(name))
    const known = this.#memory.get(key)
    return known && this.#serves(known.entry, wanted) ? this.#hit(known, wanted, request) : undefined
  }

  async #read(names: string[], cost: Cost): Promise<Map<string, string | null> | undefined> {
    cost.kvReads++
    try {
      const values = await this.#options.kv.get(names)
      this.#versions = readVersions(values.get(VERSIONS_KEY))
      this.#versionsAt = this.#options.now()
      return values
    } catch (error) {
      this.#options.log({ level: "error", event: "cache_not_reached", causes: [String(error)] })
      return undefined
    }
  }

  #take(key: string, text: string | null | undefined): void {
    const entry = typeof text === "string" ? readEntry(text, key) : undefined
    if (entry) this.#keep(entry, this.#options.now())
    else this.#remember(key)
  }

  #remember(key: string): void {
    this.#absent.delete(key)
    this.#absent.set(key, this.#options.now())
    if (this.#absent.size > MOST_ABSENT) this.#absent.delete(this.#absent.keys().next().value!)
  }

  #isAbsent(key: string): boolean {
    const at = this.#absent.get(key)
    return at !== undefined && this.#options.now() - at < ASKED_AGAIN_MS
  }

  #serves(entry: Entry, wanted: Wanted): boolean {
    return (
      isInTime(entry, wanted, this.#options.now()) &&
      hasSeen(entry, wanted.seen) &&
      covers(this.#versions, entry) &&
      this.#hasSeenOwn(entry) &&
      wanted.mayServe(entry.collections)
    )
  }

  #hasSeenOwn(entry: Entry): boolean {
    const { epoch, seqs, any } = this.#own
    return epoch !== entry.epoch || (any <= entry.seq && entry.tables.every((table) => (seqs[table] ?? 0) <= entry.seq))
  }

  /** Puts what is asked for again into KV. */
  #hit(held: Held, wanted: Wanted, { cost, later }: Request): Entry {
    const now = this.#options.now()
    const { entry } = held
    if (now - entry.madeAt < ASKED_AGAIN_MS && held.storedAt < entry.madeAt && this.#mayPut(held, now)) {
      held.storedAt = now
      cost.kvWrites++
      later(this.#put(entry, wanted.policy))
    }
    return entry
  }

  #mayPut({ storedAt }: Held, now: number): boolean {
    if (now - storedAt < PUT_EVERY_MS) return false
    const minute = Math.floor(now / MINUTE_MS)
    if (this.#puts.minute !== minute) this.#puts = { minute, count: 0 }
    return this.#puts.count++ < MOST_PUTS
  }

  async #put(entry: Entry, { maxAgeMs, staleWhileRevalidateMs, staleIfErrorMs }: CachePolicy): Promise<void> {
    const keptMs = maxAgeMs + Math.max(staleWhileRevalidateMs, staleIfErrorMs)
    const expirationTtl = Math.max(SHORTEST_TTL_S, Math.ceil(keptMs / 1_000))
    this.#absent.delete(entry.key)
    await this.#options.kv.put(nameOf(entry.key), writeEntry(entry), { expirationTtl })
  }

  /** A lagging replica's answer doesn't take the place of a newer one. */
  #keep(entry: Entry, storedAt?: number): void {
    const held = this.#memory.get(entry.key)
    const isNewer = !held || entry.epoch !== held.entry.epoch || entry.seq >= held.entry.seq
    if (isNewer) this.#memory.set({ entry, storedAt: storedAt ?? held?.storedAt ?? Number.NEGATIVE_INFINITY })
  }
}

function nameOf(key: string): string {
  return `answer:${hashText(key)}`
}

function isInTime({ madeAt }: Entry, { policy }: Wanted, now: number): boolean {
  return now - madeAt <= policy.maxAgeMs + policy.staleWhileRevalidateMs
}

function hasSeen(entry: Entry, seen: Wanted["seen"]): boolean {
  return !seen || (seen.epoch === entry.epoch && seen.seq <= entry.seq)
}

async function inTime(flight: Promise<Entry | undefined>): Promise<Entry | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), FOLLOW_MS)
  })
  try {
    return await Promise.race([flight, late])
  } finally {
    clearTimeout(timer)
  }
}
