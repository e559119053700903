/** The sink of the feed that tells all isolates, through KV, which tables have changed. */

import type { Collections } from "../access/model.ts"
import { reachedTables } from "../access/reached-tables.ts"
import type { Sink } from "../changes/sink.ts"
import type { Change } from "../core/change.ts"
import type { Clock } from "../core/clock.ts"
import { wait } from "../core/wait.ts"
import { readVersions, VERSIONS_KEY, type Versions, writeVersions } from "./versions.ts"

/** KV takes one write a second of a key. */
const PUT_EVERY_MS = 1_000
/** In a row; then changes are taken without KV, before the feed buries them: the next put tells of them too. */
const MOST_FAILURES = 6

export interface VersionsSinkOptions {
  readonly kv: Pick<KVNamespace, "get" | "put">
  /** SQL names of the tables that cached answers are made of; changes of others are passed over. */
  readonly tables: ReadonlySet<string>
  /** The history of the database, asked of the primary. */
  readonly epoch: () => Promise<string>
  readonly now: Clock
  readonly log: (line: { level: "error"; event: string; causes: string[] }) => void
}

/** The tables of collections that keep answers, and those that their relations lead to. */
export function cachedTables(collections: Collections): ReadonlySet<string> {
  return reachedTables(collections, ({ cache }) => cache !== undefined)
}

export function versionsSink({ kv, tables, epoch, now, log }: VersionsSinkOptions): Sink {
  let known: Versions | undefined
  let putAt = 0
  let failures = 0

  async function raise(changes: readonly Change[]): Promise<void> {
    const wanted = changes.filter(({ table }) => tables.has(table))
    if (wanted.length === 0) return
    const waitMs = Math.min(PUT_EVERY_MS, putAt + PUT_EVERY_MS - now())
    if (waitMs > 0) await wait(waitMs)
    const current = await epoch()
    try {
      known ??= readVersions(await kv.get(VERSIONS_KEY))
      known = raised(known, current, wanted)
      putAt = now()
      await kv.put(VERSIONS_KEY, writeVersions(known))
      failures = 0
    } catch (error) {
      if (++failures < MOST_FAILURES) throw error
      log({ level: "error", event: "cache_not_told", causes: [String(error)] })
    }
  }

  /** Changes may come again, and one that was refused out of its order: no version goes back. */
  function raised(before: Versions, current: string, changes: readonly Change[]): Versions {
    const last = Math.max(...changes.map(({ seq }) => seq))
    // of what is lost, or of another history, nothing is known: all tables may have changed up to here
    const seqs = before.epoch === current ? new Map(before.seqs) : new Map([...tables].map((table) => [table, last]))
    for (const { table, seq } of changes) seqs.set(table, Math.max(seq, seqs.get(table) ?? 0))
    return { epoch: current, seqs }
  }

  return { name: "cache", take: raise, retake: (change) => raise([change]) }
}
