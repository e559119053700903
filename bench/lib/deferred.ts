/** Work after the answer: how soon it begins, and how much of it is done in a second. */

import { Agent } from "node:http"
import { setTimeout as wait } from "node:timers/promises"
import { ask } from "./ask.ts"
import { BODY, type Seeded } from "./seed.ts"
import { type BenchServer, hostOf } from "./server.ts"

/** Milliseconds. */
export interface Delay {
  readonly p50: number
  readonly p99: number
}

export interface Deferred {
  /** From the commit of a change, on an idle system. */
  readonly delays: {
    readonly samples: number
    /** Until its job is stored. */
    readonly sink: Delay
    /** Until the reaction begins. */
    readonly reaction: Delay
    readonly end: Delay
  }
  /** Changes that no sink wants, all there before the feed looks. */
  readonly backlogs: readonly { readonly changes: number; readonly ms: number }[]
  /** Changes that each become a job of a reaction. */
  readonly reactions: { readonly changes: number; readonly toSinkMs: number; readonly toEndMs: number }
  readonly jobs: { readonly jobs: number; readonly ms: number }
}

export interface DeferredSizes {
  readonly samples: number
  readonly backlogs: readonly number[]
  readonly reactions: number
  readonly jobs: number
}

/** Between two changes of an idle system. */
const IDLE_MS = 60
const LOOK_EVERY_MS = 20
const ROWS_PER_STATEMENT = 1_000
const JOBS_PER_REQUEST = 100

export async function measureDeferred(server: BenchServer, seeded: Seeded, sizes: DeferredSizes): Promise<Deferred> {
  const { origins, databases } = server
  const db = databases.deferred
  const agent = new Agent({ keepAlive: true })

  async function post(path: string, body: object | undefined, status: number): Promise<void> {
    const headers = { Host: hostOf("deferred"), "Content-Type": "application/json" }
    const request = { method: "POST", path, headers, body: JSON.stringify(body ?? {}), status }
    await ask(agent, origins.deferred, request)
  }

  /** Only the database is asked, and seldom, so that looking costs little of what is measured. */
  async function jobsEnd(name: string): Promise<void> {
    const open = db.prepare("SELECT 1 FROM _jobs WHERE name = ? AND finished_at IS NULL LIMIT 1").bind(name)
    while (await open.first()) await wait(LOOK_EVERY_MS)
  }

  /** Rows of their own, written beside the Worker, which therefore isn't told. */
  async function write(table: "posts" | "drafts", count: number): Promise<void> {
    const insert = db.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
INSERT INTO ${table} (id, created_at, updated_at, version, title, body, author_id)
SELECT lower(hex(randomblob(16))), 0, 0, 1, 'A new post', ?2, ?3 FROM n`,
    )
    for (let left = count; left > 0; left -= ROWS_PER_STATEMENT)
      await insert.bind(Math.min(left, ROWS_PER_STATEMENT), BODY, seeded.authors[0]).run()
  }

  async function time(work: () => Promise<void>): Promise<number> {
    const started = performance.now()
    await work()
    return performance.now() - started
  }

  const drain = () => post("/drain", undefined, 204)

  async function measureDelays(): Promise<Deferred["delays"]> {
    for (let i = 0; i < sizes.samples; i++) {
      await post("/v1/posts", { title: "A new post", body: BODY, authorId: seeded.authors[0] }, 201)
      await wait(IDLE_MS)
    }
    await jobsEnd("posted")
    const { results } = await db
      .prepare(
        `SELECT j.created_at - c.at AS sink, j.started_at - c.at AS reaction, j.finished_at - c.at AS "end"
FROM _jobs j JOIN _changes c ON c.seq = j.position WHERE j.name = 'posted' ORDER BY c.seq DESC LIMIT ?`,
      )
      .bind(sizes.samples)
      .all<Record<"sink" | "reaction" | "end", number>>()
    const of = (key: "sink" | "reaction" | "end") => delay(results.map((row) => row[key]))
    return { samples: results.length, sink: of("sink"), reaction: of("reaction"), end: of("end") }
  }

  async function measureReactions(): Promise<Deferred["reactions"]> {
    await write("posts", sizes.reactions)
    const started = performance.now()
    const toSinkMs = await time(drain)
    await jobsEnd("posted")
    return { changes: sizes.reactions, toSinkMs, toEndMs: performance.now() - started }
  }

  async function measureJobs(): Promise<Deferred["jobs"]> {
    const ms = await time(async () => {
      for (let left = sizes.jobs; left > 0; left -= JOBS_PER_REQUEST)
        await post("/v1/jobs", { jobs: Math.min(left, JOBS_PER_REQUEST) }, 202)
      await jobsEnd("nothing")
    })
    return { jobs: sizes.jobs, ms }
  }

  try {
    await post("/v1/posts", { title: "The first", body: BODY, authorId: seeded.authors[0] }, 201)
    await drain()
    await jobsEnd("posted")
    const delays = await measureDelays()
    const backlogs: { changes: number; ms: number }[] = []
    for (const changes of sizes.backlogs) {
      await write("drafts", changes)
      backlogs.push({ changes, ms: await time(drain) })
    }
    return { delays, backlogs, reactions: await measureReactions(), jobs: await measureJobs() }
  } finally {
    agent.destroy()
  }
}

function delay(values: readonly number[]): Delay {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
  return { p50: at(0.5), p99: at(0.99) }
}

export function deferredTable({ delays, backlogs, reactions, jobs }: Deferred): string {
  const perSecond = (count: number, ms: number) => `${Math.round((count / ms) * 1_000).toLocaleString("en")} /s`
  const both = ({ p50, p99 }: Delay) => `p50 ${p50} ms, p99 ${p99} ms`
  const rows = [
    ["measure", "result"],
    ["---", "---"],
    ["from commit to the reaction's job, idle", both(delays.sink)],
    ["from commit to the reaction's start, idle", both(delays.reaction)],
    ["from commit to the reaction's end, idle", both(delays.end)],
    ...backlogs.map(({ changes, ms }) => [
      `a backlog of ${changes.toLocaleString("en")} changes`,
      `${ms.toFixed(0)} ms, ${((ms / changes) * 1_000).toFixed(1)} µs a change, ${perSecond(changes, ms)}`,
    ]),
    ["changes from commit to a sink that makes jobs", perSecond(reactions.changes, reactions.toSinkMs)],
    ["changes from commit to the end of their reactions", perSecond(reactions.changes, reactions.toEndMs)],
    ["jobs, from being enqueued to their end", perSecond(jobs.jobs, jobs.ms)],
  ]
  return rows.map((row) => `| ${row.join(" | ")} |`).join("\n")
}
