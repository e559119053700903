/** The sink that makes a job of each change that something reacts to. */

import { readRows } from "../changes/read-change.ts"
import type { Sink } from "../changes/sink.ts"
import type { Change } from "../core/change.ts"
import type { Query } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"
import { tableModel } from "../schema/table-model.ts"
import { toWire } from "../schema/values.ts"
import type { JobContext } from "./context.ts"
import type { ChangeEvent, Reaction, RecordChange } from "./define.ts"
import type { JobDefinition } from "./definition.ts"
import type { Dispatcher } from "./dispatch.ts"
import { insertJob, LOST_AFTER_MS, laneOf } from "./enqueue.ts"
import { handOverQueries, takenUpTo } from "./hand-over.ts"
import { type JobSystem, writeJobs } from "./system.ts"

export const EVENT_OF: Readonly<Record<Change["op"], ChangeEvent>> = {
  insert: "created",
  update: "updated",
  delete: "deleted",
}
const SINK = "reactions"

export function reactionSink(
  reactions: readonly Reaction[],
  system: Pick<JobSystem, "d1" | "now">,
  dispatcher: Pick<Dispatcher, "send" | "wakeClockBy">,
): Sink {
  const tell = async (ids: readonly string[], now: number) => {
    await Promise.all([dispatcher.send(ids), dispatcher.wakeClockBy(now + LOST_AFTER_MS)])
  }
  return {
    name: SINK,
    async take(changes) {
      const wanted = reactions
        .map((reaction) => ({ reaction, items: itemsOf(reaction, changes) }))
        .filter(({ items }) => items.length > 0)
      if (wanted.length === 0) return
      const now = system.now()
      const last = Math.max(...wanted.map(({ items }) => items.at(-1)!.seq))
      await writeJobs(system, [
        ...handOverQueries(SINK, last, changes[0]!.seq),
        ...wanted.map(({ reaction, items }) => insertReactions(reaction, items, now)),
      ])
      const ids = wanted.flatMap(({ items }) => items.map(({ id }) => id))
      await tell(ids, now)
    },
    async retake(change) {
      const { seq, op, recordId: id, before, after } = change
      const input = JSON.stringify({ seq, op, id, before, after } satisfies ReactionInput)
      const now = system.now()
      const jobs = reactions
        .filter((reaction) => wants(reaction, change))
        .map(({ job }) => ({
          ...{ id: newId(), name: job.name, input, maxAttempts: job.maxAttempts, runAt: now },
          ...laneOf(job),
        }))
      if (jobs.length === 0) return
      await writeJobs(
        system,
        jobs.map((job) => insertJob(job, now)),
      )
      const ids = jobs.map(({ id }) => id)
      await tell(ids, now)
    },
    position: () => takenUpTo(SINK, system),
  }
}

function itemsOf(reaction: Reaction, changes: readonly Change[]): { id: string; seq: number }[] {
  return changes.filter((change) => wants(reaction, change)).map(({ seq }) => ({ id: newId(), seq }))
}

function wants({ table, events }: Reaction, change: Change): boolean {
  return change.table === tableModel(table).name && events.includes(EVENT_OF[change.op])
}

/** The rows are taken where they are, so that they don't travel. */
function insertReactions({ job }: Reaction, items: readonly { id: string; seq: number }[], now: number): Query {
  return {
    sql: `INSERT INTO _jobs (id, name, state, input, max_attempts, run_at, due_at, order_key, position, lane, lane_width, created_at)
SELECT wanted.value ->> 0, ?2, 'queued', json_object('seq', c.seq, 'op', c.op, 'id', c.record_id, 'before', json(c."before"), 'after', json(c."after")),
  ?3, ?4, ?4 + ${LOST_AFTER_MS}, ?2 || ':' || c.record_id, c.seq, ?5, ?6, ?4
FROM json_each(?1) wanted CROSS JOIN _changes c ON c.seq = wanted.value ->> 1`,
    params: [
      JSON.stringify(items.map(({ id, seq }) => [id, seq])),
      ...[job.name, job.maxAttempts, now, job.concurrency === undefined ? null : job.name, job.concurrency ?? null],
    ],
  }
}

interface ReactionInput {
  readonly seq: number
  readonly op: Change["op"]
  readonly id: string
  /** In pieces, as the triggers write them, or whole. */
  readonly before: unknown
  readonly after: unknown
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
