/** Jobs that come by the calendar. Each tick makes one job, whoever looks at the clock. */

import { Cron } from "croner"
import type { Query, ResultRow } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"
import { insertJob, laneOf, type NewJob } from "./enqueue.ts"

/** The last millisecond of the year 9999. */
const NEVER = 253_402_300_799_999

export interface Schedule {
  /** Also the name of its job. */
  readonly name: string
  /** Five fields, or six with seconds (POSIX cron and croner's extensions). */
  readonly cron: string
  /** IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string
  readonly maxAttempts: number
  /** At most so many of its runs at the same time. */
  readonly concurrency: number | undefined
}

export type Schedules = ReadonlyMap<string, Schedule>

/**
 * Time zones cost a module tens of milliseconds at its start, so this leaves them to {@link scheduleFaults}.
 *
 * @throws TypeError for an expression that isn't one.
 */
export function checkExpression(name: string, cron: string): void {
  try {
    new Cron(cron)
  } catch (error) {
    throw new TypeError(`schedule ${name}: "${cron}": ${(error as Error).message}`)
  }
}

/** What is wrong with schedules that don't come: one that has come for the last time is no mistake. */
export function scheduleFaults(schedules: Schedules): string[] {
  return [...schedules.values()].flatMap((schedule) => {
    try {
      nextRun(schedule, 0)
      return []
    } catch (error) {
      return [(error as Error).message]
    }
  })
}

/** @throws TypeError for an expression or a zone that isn't one, or that never comes. */
export function nextRun({ name, cron, timeZone }: Pick<Schedule, "name" | "cron" | "timeZone">, after: number): number {
  try {
    const next = new Cron(cron, { timezone: timeZone }).nextRun(new Date(after))
    if (next) return next.getTime()
  } catch (error) {
    throw new TypeError(`schedule ${name}: "${cron}" in ${timeZone}: ${(error as Error).message}`)
  }
  throw new TypeError(`schedule ${name}: "${cron}" never comes`)
}

export interface ScheduleRow {
  readonly name: string
  readonly timing: string
  readonly nextAt: number
}

export const SCHEDULE_ROWS: Query = { sql: 'SELECT name, timing, next_at AS "nextAt" FROM _schedules', params: [] }

/**
 * What is to be written at `now`: a job for each schedule that is due, once for all the runs that were missed, and when
 * it is next. Two that look at once write the same, and only the first writes.
 */
export function scheduleQueries(
  schedules: Schedules,
  rows: readonly ResultRow[],
  now: number,
): { queries: Query[]; jobs: NewJob[] } {
  const known = new Map((rows as unknown as ScheduleRow[]).map((row) => [row.name, row]))
  const queries: Query[] = []
  const jobs: NewJob[] = []
  for (const schedule of schedules.values()) {
    const timing = `${schedule.cron} ${schedule.timeZone}`
    const row = known.get(schedule.name)
    if (row?.timing !== timing) {
      queries.push({
        sql: `INSERT INTO _schedules (name, timing, next_at) VALUES (?1, ?2, ?3)
ON CONFLICT (name) DO UPDATE SET timing = ?2, next_at = ?3 WHERE timing <> ?2`,
        params: [schedule.name, timing, nextOrNever(schedule, now)],
      })
    } else if (row.nextAt <= now) {
      const job = scheduledJob(schedule, row.nextAt, now)
      jobs.push(job)
      queries.push(
        insertJob(job, now, {
          sql: "EXISTS (SELECT 1 FROM _schedules WHERE name = ? AND next_at = ?)",
          params: [schedule.name, row.nextAt],
        }),
        {
          sql: "UPDATE _schedules SET next_at = ?3, last_at = ?4, last_job_id = ?5 WHERE name = ?1 AND next_at = ?2",
          params: [schedule.name, row.nextAt, nextOrNever(schedule, now), now, job.id],
        },
      )
    }
  }
  return { queries, jobs }
}

/** One that has come for the last time must not stop the others. */
function nextOrNever(schedule: Schedule, after: number): number {
  try {
    return nextRun(schedule, after)
  } catch {
    return NEVER
  }
}

/** @param at The time of the tick. */
export function scheduledJob({ name, maxAttempts, concurrency }: Schedule, at: number, now: number): NewJob {
  return {
    id: newId(),
    name,
    input: JSON.stringify({ scheduledFor: at }),
    maxAttempts,
    runAt: now,
    ...laneOf({ name, concurrency }),
  }
}
