/** A feed over a real D1, with sinks of the test's own and a clock that the test moves. */

import { env } from "cloudflare:workers"
import { Feed } from "../../src/changes/feed.ts"
import type { Sink } from "../../src/changes/sink.ts"
import type { Change } from "../../src/core/change.ts"
import type { Query } from "../../src/db/query.ts"
import { buryQuery } from "../../src/jobs/refused-changes.ts"
import { writeJobs } from "../../src/jobs/system.ts"
import { newId } from "../../src/tables.ts"

export const d1 = env.FIXTURE
const system = { d1 }

export interface FeedScenario {
  readonly feed: Feed
  readonly logged: Record<string, unknown>[]
  /** What the feed keeps. */
  readonly store: Map<string, unknown>
  /** When it asked to be woken. */
  readonly alarms: number[]
  /** Statements that it ran. */
  readonly asked: Query[]
  now(): number
  advance(ms: number): void
  /** While true, the database fails. */
  isAway: boolean
  /** Drains, and again at each time at which the feed asked to be woken. */
  settle(): Promise<void>
}

/** @param store Of a feed before, to go on from. */
export function createFeed(sinks: readonly Sink[], store = new Map<string, unknown>(), at = Date.now()): FeedScenario {
  let time = at
  const write = async (queries: readonly Query[]) => {
    scenario.asked.push(...queries)
    if (scenario.isAway) throw new Error("D1_ERROR: the database is away")
    return writeJobs(system, queries)
  }
  const alarms: number[] = []
  const logged: Record<string, unknown>[] = []
  const feed = new Feed({
    sinks,
    store: {
      get: <V>(key: string) => structuredClone(store.get(key)) as V | undefined,
      put: (k, v) => store.set(k, v),
    },
    now: () => time,
    write,
    bookmark: () => undefined,
    bury: async (sink, change, error) => {
      await write([buryQuery(sink, change, error, time)])
    },
    wakeAt: async (wanted) => {
      alarms.push(wanted)
    },
    log: (line) => logged.push(line),
  })
  const scenario: FeedScenario = {
    ...{ feed, logged, store, alarms, asked: [], isAway: false },
    now: () => time,
    advance: (ms) => {
      time += ms
    },
    async settle() {
      await feed.drain()
      while (alarms.length > 0) {
        time = Math.max(time, Math.min(...alarms.splice(0)))
        await feed.drain()
      }
    },
  }
  return scenario
}

export interface Recorder extends Sink {
  /** Each page as it came, also those that were refused. */
  readonly pages: Change[][]
  /** What it took, each change once. */
  readonly taken: Change[]
  readonly titles: unknown[]
}

/** A sink that passes over changes that it knows. @param refuse Called with each page before any of it counts. */
export function recorder(
  name: string,
  refuse: (changes: readonly Change[]) => void | Promise<void> = () => {},
): Recorder {
  const pages: Change[][] = []
  const taken: Change[] = []
  return {
    name,
    pages,
    taken,
    get titles() {
      return taken.map(({ before, after }) => (after ?? before)!.name)
    },
    async take(changes) {
      pages.push([...changes])
      await refuse(changes)
      const known = taken.at(-1)?.seq ?? 0
      taken.push(...changes.filter(({ seq }) => seq > known))
    },
    async retake(change) {
      taken.push(change)
    },
  }
}

/** One statement, and one change for each name, in their order. @returns The ids. */
export async function writeTeams(names: readonly string[]): Promise<string[]> {
  const rows = names.map((name) => [newId(), name])
  await d1
    .prepare(
      "INSERT INTO teams (id, created_at, updated_at, name) SELECT value ->> 0, 0, 0, value ->> 1 FROM json_each(?)",
    )
    .bind(JSON.stringify(rows))
    .run()
  return rows.map(([id]) => id!)
}

export function range(count: number, prefix = "t"): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${n}`)
}

export async function emptyFeed(): Promise<void> {
  await d1.batch(["teams", "_changes", "_sinks", "_jobs"].map((table) => d1.prepare(`DELETE FROM ${table}`)))
  await d1.prepare("DELETE FROM _changes").run()
}

export async function count(table: string): Promise<number> {
  return (await d1.prepare(`SELECT count(*) AS n FROM ${table}`).first<number>("n"))!
}
