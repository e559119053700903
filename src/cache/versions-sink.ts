/** The sink of the feed that tells all isolates, through KV, which tables have changed. */

import type { Collections } from "../access/model.ts"
import type { Sink } from "../changes/sink.ts"
import type { Change } from "../core/change.ts"
import type { Clock } from "../core/clock.ts"
import { readVersions, VERSIONS_KEY, type Versions } from "./versions.ts"

/** KV takes one write a second of a key. */
const PUT_EVERY_MS = 1_000

export interface VersionsSinkOptions {
  readonly kv: Pick<KVNamespace, "get" | "put">
  /** SQL names of the tables that cached answers are made of; changes of others are passed over. */
  readonly tables: ReadonlySet<string>
  /** The history of the database, asked of the primary. */
  readonly epoch: () => Promise<string>
  readonly now: Clock
}

/** The tables of collections that keep answers, and those that their relations lead to. */
export function cachedTables(collections: Collections): ReadonlySet<string> {
  const tables = new Set<string>()
  const reached = [...collections.values()].filter(({ cache }) => cache)
  for (const { table, relations } of reached) {
    tables.add(table.name)
    for (const { target, collection } of relations.values()) {
      tables.add(target.name)
      if (collection && !reached.includes(collection)) reached.push(collection)
    }
  }
  return tables
}

export function versionsSink({ kv, tables, epoch, now }: VersionsSinkOptions): Sink {
  let known: Versions | undefined
  let putAt = 0

  async function raise(changes: readonly Change[]): Promise<void> {
    const newest = new Map(changes.filter(({ table }) => tables.has(table)).map(({ table, seq }) => [table, seq]))
    if (newest.size === 0) return
    const waitMs = Math.min(PUT_EVERY_MS, putAt + PUT_EVERY_MS - now())
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    known ??= readVersions(await kv.get(VERSIONS_KEY))
    const current = await epoch()
    // in another history the numbers begin anew
    const before = known.epoch === current ? known.seqs : {}
    const raised = { epoch: current, seqs: { ...before, ...Object.fromEntries(newest) } }
    putAt = now()
    await kv.put(VERSIONS_KEY, JSON.stringify(raised))
    known = raised
  }

  return { name: "cache", take: raise, retake: (change) => raise([change]) }
}
