/**
 * The kill test: writes and jobs go on while the serving process is killed at random moments and started again on the
 * same data. Nothing acknowledged may be lost, and nothing may be done twice.
 */

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { unstable_readConfig as readConfig } from "wrangler"
import { bundle } from "../../../scripts/bundle.ts"
import { PROJECT_ROOT } from "../../../scripts/local-env.ts"
import { planMigration } from "../../../scripts/migrate/plan.ts"
import { EMPTY } from "../../../scripts/migrate/table-schema.ts"
import { engineTables } from "../../../src/schema/engine-tables.ts"
import { backend } from "./app.ts"
import { CHANGES_WITHOUT_JOB, findViolations, OPEN_JOBS } from "./checks.ts"
import { findLiveViolations } from "./live-checks.ts"
import { startReceiver } from "./receiver.ts"
import { type Serving, startServing } from "./serving.ts"
import { type Subscriber, type Subscribers, startSubscribers } from "./subscribers.ts"
import { startWriters } from "./writers.ts"

export interface CrashOptions {
  readonly kills: number
  readonly writers: number
  /** Live clients. */
  readonly subscribers: number
  /** Of the random numbers; what they meet is never the same again. */
  readonly seed: number
  /** Milliseconds that a process serves at most before it is killed. */
  readonly mostServingMs: number
  /** Milliseconds that everything may take to come to rest after the last start. */
  readonly patienceMs: number
  say(line: string): void
}

export interface CrashReport {
  readonly figures: Readonly<Record<string, number>>
  /** Empty when every promise was kept. */
  readonly violations: readonly string[]
  /** Where the database and the log are, if a promise was broken. */
  readonly folder: string
}

const LEAST_SERVING_MS = 300
/** Of the kills, so many come while the process starts. */
const EARLY_KILLS = 0.2
const MOST_STARTING_MS = 600
const TALLIES = 8
/** Less shows nothing. */
const LEAST_WRITES = 40
const LOOK_EVERY_MS = 250
/** Members of connections that died are gone by then. */
const MOST_PRESENT_MS = 30_000

export async function runCrash(options: CrashOptions): Promise<CrashReport> {
  const { kills, mostServingMs, patienceMs, say } = options
  const random = generator(options.seed)
  const folder = await mkdtemp(join(tmpdir(), "selvedge-crash-"))
  const files = join(folder, "bundle")
  await bundle("test/node/crash/worker.ts", files)
  const receiver = await startReceiver(random)
  const { compatibility_date, compatibility_flags } = readConfig({ config: join(PROJECT_ROOT, "wrangler.toml") })
  const start = () =>
    startServing({
      bundle: files,
      state: join(folder, "state"),
      receiver: receiver.url,
      compatibilityDate: compatibility_date!,
      compatibilityFlags: compatibility_flags,
    })
  let current = start()
  try {
    let serving: Serving | undefined = await current.ready
    const writers = startWriters(options.writers, () => serving?.url, await prepare(serving), random)
    const subscribers = startSubscribers(options.subscribers, () => serving?.url, random)
    const downTimes: number[] = []
    for (let kill = 1; kill <= kills; kill++) {
      await wait(LEAST_SERVING_MS + random() * (mostServingMs - LEAST_SERVING_MS))
      serving = undefined
      const killed = performance.now()
      await current.kill()
      for (; kill < kills && random() < EARLY_KILLS; kill++) {
        current = start()
        current.ready.catch(() => {})
        await wait(random() * MOST_STARTING_MS)
        await current.kill()
      }
      current = start()
      serving = await current.ready
      const before = writers.acknowledged
      while (writers.acknowledged === before && writers.refusals.length === 0) await wait(1)
      downTimes.push(performance.now() - killed)
      say(`kill ${kill} of ${kills}: ${before} writes acknowledged, ${receiver.effects.size} effects seen`)
    }
    while (writers.acknowledged < LEAST_WRITES && writers.refusals.length === 0) await wait(LOOK_EVERY_MS)
    const started = performance.now()
    await Promise.all([writers.stop(), subscribers.rest()])
    const isAtRest = await rest(serving!, patienceMs)
    const recoveryMs = performance.now() - started
    const violations = await findViolations(serving!, writers, receiver)
    violations.push(...(await liveViolations(serving!, subscribers, started + MOST_PRESENT_MS)))
    const livingMs = performance.now() - started
    await subscribers.stop()
    if (!isAtRest) violations.unshift(`jobs or changes are still open after ${patienceMs} ms`)
    const [[{ jobs, attempts } = {}] = [], [{ changes } = {}] = []] = (await serving!.run([
      "SELECT count(*) AS jobs, sum(attempts) AS attempts FROM _jobs",
      "SELECT count(*) AS changes FROM _changes",
    ])) as Record<string, number>[][]
    if (violations.length === 0) await rm(folder, { recursive: true, force: true })
    return {
      figures: {
        kills,
        "writes acknowledged": writers.acknowledged,
        "requests sent again": writers.retries,
        "answers replayed by their key": writers.replays,
        changes: changes!,
        jobs: jobs!,
        attempts: attempts!,
        "effects at the receiver": receiver.effects.size,
        "duplicates that it dropped by the once key": receiver.duplicates,
        "calls that it refused": receiver.refusals,
        "connections of live clients": sumOf(subscribers, ({ connections }) => connections),
        "changes that they were told": sumOf(
          subscribers,
          ({ followed, related }) => followed.changes + related.changes,
        ),
        "messages that they heard": sumOf(subscribers, ({ messages }) => messages.length),
        "snapshots through a relation": sumOf(subscribers, ({ related }) => related.snapshots),
        "ms from a kill to the next answer, median": Math.round(
          downTimes.sort((a, b) => a - b)[downTimes.length >> 1]!,
        ),
        "ms from the last kill's restart to rest": Math.round(recoveryMs),
        "ms until live clients held what is there": Math.round(livingMs),
      },
      violations,
      folder,
    }
  } finally {
    await current.kill()
    receiver.close()
  }
}

/** @returns The ids of the tallies. */
async function prepare({ run }: Serving): Promise<string[]> {
  const plan = await planMigration({
    previous: EMPTY,
    tables: [...Object.values(engineTables), ...backend.tables],
    search: new Map(),
  })
  await run(plan.statements)
  const ids = Array.from({ length: TALLIES }, (_, i) => `tally-${i}`)
  await run(ids.map((id) => `INSERT INTO tallies (id, created_at, updated_at, version) VALUES ('${id}', 0, 0, 1)`))
  return ids
}

/** Waits until each change has its jobs and each job has ended. */
async function rest({ run }: Serving, patienceMs: number): Promise<boolean> {
  for (const until = performance.now() + patienceMs; performance.now() < until; ) {
    const [[jobs], [changes]] = (await run([OPEN_JOBS, CHANGES_WITHOUT_JOB])) as [
      [{ open: number }],
      [{ missing: number }],
    ]
    if (jobs.open === 0 && changes.missing === 0) return true
    await wait(LOOK_EVERY_MS)
  }
  return false
}

/** Waits until live clients have been told everything. @returns What they still lack. */
async function liveViolations(serving: Serving, { all }: Subscribers, until: number): Promise<string[]> {
  for (;;) {
    const violations = await findLiveViolations(serving, all)
    if (violations.length === 0 || performance.now() > until) return violations
    await wait(LOOK_EVERY_MS)
  }
}

function sumOf({ all }: Subscribers, count: (subscriber: Subscriber) => number): number {
  return all.reduce((sum, subscriber) => sum + count(subscriber), 0)
}

/** Mulberry32, by Tommy Ettinger (public domain). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
