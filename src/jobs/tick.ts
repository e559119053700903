/** What the clock does when it wakes. */

import type { Query, ResultRow } from "../db/query.ts"
import { createDispatcher } from "./dispatch.ts"
import { appendError } from "./end.ts"
import { LOST_AFTER_MS } from "./enqueue.ts"
import { sendReleased } from "./release.ts"
import { SCHEDULE_ROWS, scheduleQueries } from "./schedules.ts"
import { type JobSystem, writeJobs } from "./system.ts"

/** Jobs looked at in one tick; more make the next tick come at once. */
const MOST_DUE = 500
/** A job whose messages get lost again and again is sent at longer and longer intervals. */
const LONGEST_RESEND_MS = 15 * 60_000
/** With nothing to do the clock still looks: a message to it may have been lost. */
export const IDLE_MS = 10 * 60_000
/** While jobs are as young as this, others may come that rely on being looked at as early as those. */
const BUSY_MS = 60_000

/** Our own ids begin with their time. */
const NEXT: Query = {
  sql: `SELECT min(at) AS at, (SELECT created_at FROM _jobs WHERE id < '1' ORDER BY id DESC LIMIT 1) AS newest
FROM (SELECT min(due_at) AS at FROM _jobs WHERE due_at IS NOT NULL UNION ALL SELECT min(next_at) FROM _schedules)`,
  params: [],
}

/** The queue of a developer's machine lives in memory: after a start all that wait for their message have lost it. */
export function lostMessages(now: number): Query {
  return {
    sql: "UPDATE _jobs SET due_at = ?1 WHERE due_at > ?1 AND run_at <= ?1 AND state IN ('queued', 'retrying')",
    params: [now],
  }
}

/** @returns When it is next needed, in milliseconds since 1970. */
export async function tick(system: JobSystem): Promise<number> {
  const now = system.now()
  const [rows] = await writeJobs(system, [SCHEDULE_ROWS])
  const { queries, jobs } = scheduleQueries(system.schedules, rows!, now)
  const stale = staleSchedules(system)
  const results = await writeJobs(system, [...queries, ...stale, expireQuery(now), dueQuery(now)])
  const due = results.at(-1)!
  const expired = results.at(-2)!
  reportExpired(expired, system)
  await createDispatcher({ ...system, later: () => {} }).send(
    idsOf([...jobs, ...due.filter(({ isBehind }) => !isBehind)]),
  )
  await sendReleased(expired, system)
  const [, [next]] = (await writeJobs(system, [postponeQuery(idsOf(due), now), NEXT])) as [unknown, ResultRow[]]
  const { at, newest } = next as { at: number | null; newest: number | null }
  const idleMs = newest !== null && newest > now - BUSY_MS ? LOST_AFTER_MS : IDLE_MS
  return Math.min(now + idleMs, at ?? Number.POSITIVE_INFINITY)
}

function idsOf(rows: readonly { id?: unknown }[]): string[] {
  return rows.map(({ id }) => id as string)
}

/** A schedule that is no longer declared never comes again. */
function staleSchedules({ schedules }: JobSystem): Query[] {
  return [
    {
      sql: "DELETE FROM _schedules WHERE name NOT IN (SELECT value FROM json_each(?))",
      params: [JSON.stringify([...schedules.keys()])],
    },
  ]
}

/** A run that stopped renewing its lease has crashed; the attempt counts. */
function expireQuery(now: number): Query {
  const isDead = "attempts >= max_attempts"
  return {
    sql: `UPDATE _jobs SET state = iif(${isDead}, 'dead', 'retrying'), claim = NULL, run_at = ?1,
due_at = iif(${isDead}, NULL, ?1), finished_at = iif(${isDead}, ?1, NULL),
errors = ${appendError("json_object('attempt', attempts, 'at', ?1, 'durationMs', ?1 - started_at, 'message', 'its run stopped without an end', 'stack', NULL)")}
WHERE id IN (SELECT id FROM _jobs WHERE due_at <= ?1 AND state = 'running' ORDER BY due_at LIMIT ${MOST_DUE})
RETURNING id, name, state, attempts, order_key AS "orderKey", lane`,
    params: [now],
  }
}

/** One that stands behind an earlier one of its order is sent for when that ends; a message before would be in vain. */
function dueQuery(now: number): Query {
  return {
    sql: `SELECT id, order_key IS NOT NULL AND EXISTS (
  SELECT 1 FROM _jobs e WHERE e.order_key = j.order_key AND e.finished_at IS NULL AND e.position < j.position) AS "isBehind"
FROM _jobs j WHERE due_at <= ? AND state IN ('queued', 'retrying') ORDER BY due_at LIMIT ${MOST_DUE}`,
    params: [now],
  }
}

function reportExpired(rows: readonly ResultRow[], { log }: JobSystem): void {
  for (const { id, name, state, attempts } of rows) {
    const level = state === "dead" ? "error" : "info"
    log({ level, event: "job", job: name, jobId: id, state, attempt: attempts, cause: "its lease expired" })
  }
}

/** After they were sent: until the next look at a job it may take as long as it has waited so far. */
function postponeQuery(ids: readonly string[], now: number): Query {
  return {
    sql: `UPDATE _jobs SET due_at = ?2 + min(${LONGEST_RESEND_MS}, max(${LOST_AFTER_MS}, ?2 - run_at))
WHERE id IN (SELECT value FROM json_each(?1)) AND state IN ('queued', 'retrying') AND due_at <= ?2`,
    params: [JSON.stringify(ids), now],
  }
}
