/** What operators see of schedules, and running one now. */

import { SelvedgeError } from "../core/problem.ts"
import type { Database } from "../db/database.ts"
import type { ResultRow } from "../db/query.ts"
import { type AdministrationContext, getJob } from "./administration.ts"
import { insertJob } from "./enqueue.ts"
import { MANAGED_COLUMNS, type ManagedJob, toManagedJob, toTime } from "./managed.ts"
import { nextRun, type Schedule, type Schedules, scheduledJob } from "./schedules.ts"

export interface ManagedSchedule extends Pick<Schedule, "name" | "cron" | "timeZone"> {
  readonly nextAt: string
  /** By the calendar or by hand. */
  readonly lastAt: string | null
  /** The job of the newest run; null before the first, and when it was discarded. */
  readonly lastJob: Omit<ManagedJob, "errors"> | null
}

/** @returns All that are declared, by name. */
export async function listSchedules(
  db: Database,
  schedules: Schedules,
  now: number,
): Promise<readonly ManagedSchedule[]> {
  const names = JSON.stringify([...schedules.keys()].toSorted())
  const [rows, jobs] = await db.write([
    {
      sql: "SELECT name, next_at, last_at FROM _schedules WHERE name IN (SELECT value FROM json_each(?))",
      params: [names],
    },
    {
      sql: `SELECT ${MANAGED_COLUMNS} FROM _jobs WHERE id IN (
SELECT (SELECT max(id) FROM _jobs WHERE name = wanted.value) FROM json_each(?) wanted)`,
      params: [names],
    },
  ])
  const rowOf = new Map(rows!.map((row) => [row.name, row]))
  const jobOf = new Map(jobs!.map((row) => [row.name, row]))
  return (JSON.parse(names) as string[]).map((name) =>
    toManagedSchedule(schedules.get(name)!, rowOf.get(name), jobOf.get(name), now),
  )
}

function toManagedSchedule(
  schedule: Schedule,
  row: ResultRow | undefined,
  jobRow: ResultRow | undefined,
  now: number,
): ManagedSchedule {
  const { name, cron, timeZone } = schedule
  const [tickedAt, madeAt] = [(row?.last_at ?? 0) as number, (jobRow?.createdAt ?? 0) as number]
  return {
    name,
    cron,
    timeZone,
    nextAt: toTime(row?.next_at ?? nextRun(schedule, now))!,
    lastAt: toTime(Math.max(tickedAt, madeAt) || null),
    // an older one has only outlived the job of the newest run
    lastJob: jobRow && madeAt >= tickedAt ? withoutErrors(toManagedJob(jobRow)) : null,
  }
}

function withoutErrors({ errors: _, ...job }: ManagedJob): Omit<ManagedJob, "errors"> {
  return job
}

/**
 * Makes a job of a schedule at once; the calendar goes on as before.
 *
 * @throws SelvedgeError `not_found`
 */
export async function runSchedule(
  context: AdministrationContext,
  schedules: Schedules,
  name: string,
  traceId: string,
): Promise<ManagedJob> {
  const { db, dispatcher, now } = context
  const schedule = schedules.get(name)
  if (!schedule) throw new SelvedgeError("not_found", "There is no such schedule.")
  const at = now()
  const job = { ...scheduledJob(schedule, at, at), traceId }
  await db.write([
    insertJob(job, at),
    {
      sql: "UPDATE _schedules SET last_at = ?2, last_job_id = ?3 WHERE name = ?1",
      params: [name, at, job.id],
    },
  ])
  dispatcher.committed(job)
  return getJob(context, job.id)
}
