/** The sink that makes a job of each change that something reacts to. */

import { readRows } from "../changes/read-change.ts"
import type { Sink } from "../changes/sink.ts"
import type { Change } from "../core/change.ts"
import type { Query } from "../db/query.ts"
import { newId } from "../schema/record-columns.ts"
import { tableModel } from "../schema/table-model.ts"
import { toWire } from "../schema/values.ts"
import type { JobContext } from "./context.ts"
import type { ChangeEvent, Reaction, RecordChange } from "./define.ts"
import type { JobDefinition } from "./definition.ts"
import { insertJob, LOST_AFTER_MS } from "./enqueue.ts"
import { handOverQueries, takenUpTo } from "./hand-over.ts"
import { type JobSystem, writeJobs } from "./system.ts"

const EVENT_OF: Readonly<Record<Change["op"], ChangeEvent>> = {
  insert: "created",
  update: "updated",
  delete: "deleted",
}
const SINK = "reactions"

export function reactionSink(
  reactions: readonly Reaction[],
  system: Pick<JobSystem, "d1" | "now">,
  send: (ids: readonly string[]) => Promise<void>,
): Sink {
  return {
    name: SINK,
    async take(changes) {
      const wanted = reactions.flatMap((reaction) =>
        changes
          .filter((change) => wants(reaction, change))
          .map((change) => ({ id: newId(), seq: change.seq, reaction })),
      )
      if (wanted.length === 0) return
      const queries = reactions.map((reaction) =>
        insertReactions(
          reaction,
          wanted.filter((item) => item.reaction === reaction),
          system.now(),
        ),
      )
      await writeJobs(system, [
        ...handOverQueries(SINK, Math.max(...wanted.map(({ seq }) => seq)), changes[0]!.seq),
        ...queries,
      ])
      await send(wanted.map(({ id }) => id))
    },
    async retake(change) {
      const rows = {
        before: change.before && JSON.stringify(change.before),
        after: change.after && JSON.stringify(change.after),
      }
      const input = JSON.stringify({ seq: change.seq, op: change.op, id: change.recordId, ...rows })
      const now = system.now()
      const jobs = reactions
        .filter((reaction) => wants(reaction, change))
        .map(({ job }) => ({ id: newId(), name: job.name, input, maxAttempts: job.maxAttempts, runAt: now }))
      await writeJobs(
        system,
        jobs.map((job) => insertJob(job, now)),
      )
      await send(jobs.map(({ id }) => id))
    },
    position: () => takenUpTo(SINK, system),
  }
}

function wants({ table, events }: Reaction, change: Change): boolean {
  return change.table === tableModel(table).name && events.includes(EVENT_OF[change.op])
}

/** The rows are taken where they are, so that they don't travel. */
function insertReactions({ job }: Reaction, items: readonly { id: string; seq: number }[], now: number): Query {
  return {
    sql: `INSERT INTO _jobs (id, name, state, input, max_attempts, run_at, due_at, order_key, position, lane, lane_width, created_at)
SELECT wanted.value ->> 0, ?2, 'queued', json_object('seq', c.seq, 'op', c.op, 'id', c.record_id, 'before', c."before", 'after', c."after"),
  ?3, ?4, ?4 + ${LOST_AFTER_MS}, ?2 || ':' || c.record_id, c.seq, ?5, ?6, ?4
FROM json_each(?1) wanted CROSS JOIN _changes c ON c.seq = wanted.value ->> 1`,
    params: [
      JSON.stringify(items.map(({ id, seq }) => [id, seq])),
      ...[job.name, job.maxAttempts, now, job.concurrency === undefined ? null : job.name, job.concurrency ?? null],
    ],
  }
}

interface ReactionInput {
  seq: number
  op: Change["op"]
  id: string
  before: string | null
  after: string | null
}

/** The job that runs a reaction's handler. */
export function reactionJob({ table, job, handler }: Reaction): JobDefinition<JobContext> {
  const { columns } = tableModel(table)
  const toRecord = (row: Change["before"]) =>
    row && Object.fromEntries(columns.map((column) => [column.key, toWire(column, row[column.name] ?? null)]))
  return {
    ...job,
    check: (input) => input,
    uniqueKey: undefined,
    run: (input, context) => {
      const { seq, op, id, ...rows } = input as ReactionInput
      const { before, after } = readRows(rows.before, rows.after)
      const change = { event: EVENT_OF[op], id, seq, before: toRecord(before), after: toRecord(after) }
      return (handler as unknown as (change: RecordChange<never>, context: JobContext) => unknown)(
        change as never,
        context,
      )
    },
  }
}
