/** KV as one isolate sees it: reads that nobody waits for long, and few puts. */

import type { CachePolicy } from "../access/cache-policy.ts"
import type { Clock } from "../core/clock.ts"
import { hashText } from "../core/hash.ts"
import type { Later } from "../core/later.ts"
import { inTime } from "../core/wait.ts"
import type { Cost } from "../db/cost.ts"
import { type Entry, writeEntry } from "./entry.ts"
import { NO_VERSIONS, newest, readVersions, VERSIONS_KEY, type Versions } from "./versions.ts"

/** A read that takes longer has found nothing. */
const READ_MS = 500
/** After a read that failed or took too long, KV is left alone for so long. */
const REST_MS = 5_000
/** An answer goes into KV from one isolate this often at most. A put costs as much as ten reads. */
const PUT_EVERY_MS = 20_000
/** Puts of one isolate in a minute, whatever is asked. */
const MOST_PUTS = 30
const MINUTE_MS = 60_000
/** The shortest life that KV takes. */
const SHORTEST_TTL_S = 60

export interface StoreOptions {
  readonly kv: Pick<KVNamespace, "get" | "put">
  readonly now: Clock
  readonly log: (line: { level: "error"; event: string; causes: string[] }) => void
}

export interface Asking {
  readonly cost: Cost
  /** Takes work that goes on after the answer. */
  readonly later: Later
}

type Values = ReadonlyMap<string, string | null>

export class Store {
  /** As they were last read. */
  versions: Versions = NO_VERSIONS
  /** When they were asked for. */
  versionsAt = Number.NEGATIVE_INFINITY
  readonly #options: StoreOptions
  /** By the last name that is read. */
  readonly #reads = new Map<string, Promise<Values | undefined>>()
  #failedAt = Number.NEGATIVE_INFINITY
  #puts = { minute: 0, count: 0 }

  constructor(options: StoreOptions) {
    this.#options = options
  }

  /** Reads the versions beside the answer, unless somebody does. */
  refresh(asking: Asking): void {
    if (!this.#reads.has(VERSIONS_KEY)) asking.later(this.read(undefined, asking))
  }

  /**
   * Reads the versions, and an answer with them.
   *
   * @returns The answer's text, null where there is none; undefined where KV can't be asked.
   */
  async read(key: string | undefined, { cost, later }: Asking): Promise<string | null | undefined> {
    if (this.#rests()) return undefined
    const name = key === undefined ? VERSIONS_KEY : nameOf(key)
    let read = this.#reads.get(name)
    if (!read) {
      cost.kvReads++
      read = this.#get(name)
      this.#reads.set(name, read)
      later(read)
    }
    const values = await inTime(read, READ_MS, async () => {
      if (this.#reads.get(name) === read) this.#fail(name, `no answer within ${READ_MS} ms`)
      return undefined
    })
    return values && (values.get(name) ?? null)
  }

  async #get(name: string): Promise<Values | undefined> {
    const startedAt = this.#options.now()
    try {
      const names = name === VERSIONS_KEY ? [name] : [VERSIONS_KEY, name]
      const values = await this.#options.kv.get(names)
      if (startedAt >= this.versionsAt || this.versionsAt > this.#options.now()) {
        this.versions = newest(this.versions, readVersions(values.get(VERSIONS_KEY)))
        this.versionsAt = startedAt
      }
      this.#reads.delete(name)
      return values
    } catch (error) {
      this.#fail(name, String(error))
      return undefined
    }
  }

  #fail(name: string, cause: string): void {
    this.#reads.delete(name)
    this.#failedAt = this.#options.now()
    this.#options.log({ level: "error", event: "cache_not_reached", causes: [cause] })
  }

  #rests(): boolean {
    const restedMs = this.#options.now() - this.#failedAt
    return restedMs >= 0 && restedMs < REST_MS
  }

  /** @param putAt When it was last put from here. @returns Whether the budget allows another; it is spent then. */
  mayPut(putAt: number): boolean {
    const now = this.#options.now()
    if (Math.abs(now - putAt) < PUT_EVERY_MS || this.#rests()) return false
    const minute = Math.floor(now / MINUTE_MS)
    if (this.#puts.minute !== minute) this.#puts = { minute, count: 0 }
    return this.#puts.count++ < MOST_PUTS
  }

  async put(entry: Entry, { maxAgeMs, staleWhileRevalidateMs, staleIfErrorMs }: CachePolicy): Promise<void> {
    const keptMs = maxAgeMs + Math.max(staleWhileRevalidateMs, staleIfErrorMs)
    const expirationTtl = Math.max(SHORTEST_TTL_S, Math.ceil(keptMs / 1_000))
    await this.#options.kv.put(nameOf(entry.key), writeEntry(entry), { expirationTtl })
  }
}

function nameOf(key: string): string {
  return `answer:${hashText(key)}`
}
