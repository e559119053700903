/** A few figures of the whole, each counted up to a bound. */

import type { SinkStatus } from "../../changes/sink.ts"
import type { JobState } from "../../core/job.ts"
import type { Database } from "../../db/database.ts"
import type { Query } from "../../db/query.ts"
import { JOB_STATES } from "./job-answers.ts"

/** Rows that are counted: jobs of each state, accounts, sessions. */
export const COUNTED_UP_TO = { jobs: 5_000, users: 50_000, sessions: 50_000 }

export interface Stats {
  readonly seq: number
  readonly sinks: readonly (SinkStatus & { readonly lag: number })[]
  readonly jobs: readonly { readonly state: JobState; readonly name: string; readonly count: number }[]
  readonly users: number
  readonly sessions: number
  readonly countedUpTo: typeof COUNTED_UP_TO
}

export async function readStats(db: Database, feed: { status(): Promise<SinkStatus[]> }, now: number): Promise<Stats> {
  const [sinks, [seqs, users, sessions, ...jobs]] = await Promise.all([
    feed.status(),
    db.write([
      { sql: "SELECT coalesce(max(seq), 0) AS seq FROM _changes", params: [] },
      usersQuery(),
      sessionsQuery(now),
      ...JOB_STATES.map(jobsQuery),
    ]),
  ])
  const seq = seqs![0]!.seq as number
  return {
    seq,
    sinks: sinks.map((sink) => ({ ...sink, lag: Math.max(0, seq - sink.seq) })),
    jobs: jobs.flat() as unknown as Stats["jobs"],
    users: users![0]!.count as number,
    sessions: sessions![0]!.count as number,
    countedUpTo: COUNTED_UP_TO,
  }
}

function usersQuery(): Query {
  return {
    sql: `SELECT count(*) AS count FROM (SELECT deleted_at FROM _users LIMIT ${COUNTED_UP_TO.users}) WHERE deleted_at IS NULL`,
    params: [],
  }
}

function sessionsQuery(now: number): Query {
  return {
    sql: `SELECT count(*) AS count FROM (SELECT revoked_at, idle_at FROM _sessions WHERE expires_at > ?1 LIMIT ${COUNTED_UP_TO.sessions})
WHERE revoked_at IS NULL AND idle_at > ?1`,
    params: [now],
  }
}

/** The newest of a state, by name. */
function jobsQuery(state: JobState): Query {
  return {
    sql: `SELECT ?1 AS state, name, count(*) AS count
FROM (SELECT name FROM _jobs WHERE state = ?1 ORDER BY id DESC LIMIT ${COUNTED_UP_TO.jobs}) GROUP BY name ORDER BY name`,
    params: [state],
  }
}
