/** What operators do to jobs. */

import type { Clock } from "../core/clock.ts"
import { JobInputError } from "../core/job.ts"
import { jsonPointer, SelvedgeError, validationFailed } from "../core/problem.ts"
import type { Database } from "../db/database.ts"
import { readFailure } from "../db/errors.ts"
import type { Query, ResultRow } from "../db/query.ts"
import type { JobDefinition, JobDefinitions } from "./definition.ts"
import type { Dispatcher } from "./dispatch.ts"
import { releasedIds, releaseQueries } from "./end.ts"
import { LOST_AFTER_MS, MOST_INPUT_BYTES } from "./enqueue.ts"
import { toJsonText } from "./json-text.ts"
import { MANAGED_COLUMNS, type ManagedJob, toManagedJob } from "./managed.ts"
import { FOREIGN_NAME } from "./messages.ts"

export interface AdministrationContext {
  readonly db: Database
  readonly definitions: JobDefinitions
  readonly dispatcher: Dispatcher
  readonly now: Clock
  /** Takes work that may outlive the answer. */
  later(work: Promise<unknown>): void
}

/** Jobs that are retried in one transaction. */
const STEP = 1_000
/** Jobs that one call retries; the next call takes the others. */
export const MOST_RETRIED = 50_000

/** @throws SelvedgeError `not_found` */
export async function getJob({ db }: Pick<AdministrationContext, "db">, id: string): Promise<ManagedJob> {
  const [rows] = await write(db, [byId(MANAGED_COLUMNS, id)])
  return toManagedJob(found(rows))
}

/**
 * Runs a job again, with all its attempts before it and its errors kept.
 *
 * @param input In place of its own; undefined leaves that.
 * @throws SelvedgeError `not_found`, `validation_failed` for the input, `conflict` in the wrong state, where an equal
 * job waits already, or where nobody knows how to run it.
 */
export async function retryJob(context: AdministrationContext, id: string, input?: unknown): Promise<ManagedJob> {
  const { db, definitions, dispatcher, now } = context
  const [rows] = await write(db, [byId('name, input, unique_key AS "uniqueKey"', id)])
  const row = found(rows)
  const definition = knownDefinition(definitions, row.name as string)
  const edited = input === undefined ? undefined : readInput(definition, input)
  const [retried] = await write(db, [
    {
      sql: `UPDATE _jobs SET ${afresh("?2", LOST_AFTER_MS)}, input = coalesce(?3, input), unique_key = ?4
WHERE id = ?1 AND state IN ('dead', 'cancelled', 'retrying') RETURNING ${MANAGED_COLUMNS}`,
      params: [id, now(), edited ?? null, edited === undefined ? row.uniqueKey : newKey(definition, row, edited)],
    },
  ])
  if (!retried![0]) throw wrongState("retries take jobs that are dead, cancelled or retrying")
  dispatcher.committed({ id, runAt: now() })
  return toManagedJob(retried![0])
}

/**
 * Runs all jobs of a name again that are in this state, the oldest first and at most {@link MOST_RETRIED}. One whose
 * equal waits already stays as it is.
 *
 * @returns How many were retried.
 * @throws SelvedgeError `conflict` where nobody knows how to run them.
 */
export async function retryJobs(
  { db, definitions, dispatcher, now, later }: AdministrationContext,
  name: string,
  state: "dead" | "cancelled",
): Promise<number> {
  knownDefinition(definitions, name)
  let retried = 0
  let last: unknown = ""
  try {
    for (let looked = 0; looked < MOST_RETRIED; looked += STEP) {
      const [ids, done] = await write(db, retryStep(name, state, last, now()))
      retried += done!.length
      last = ids!.at(-1)?.id
      if (ids!.length < STEP) break
    }
  } finally {
    // they may be many, and the clock hands them to the queue in its own steps
    if (retried > 0) later(dispatcher.wakeClockBy(now()))
  }
  return retried
}

/** The rows of the first are the jobs looked at, those of the second the ones that will run. */
function retryStep(name: string, state: string, after: unknown, now: number): Query[] {
  const some = `SELECT id FROM _jobs WHERE name = ?1 AND state = ?2 AND id > ?3 ORDER BY id LIMIT ${STEP}`
  const retry = `UPDATE OR IGNORE _jobs SET ${afresh("?4", 0)} WHERE id IN (${some}) RETURNING id`
  return [
    { sql: some, params: [name, state, after] },
    { sql: retry, params: [name, state, after, now] },
  ]
}

/** A running job's run learns of it when it next renews its lease. @throws SelvedgeError `not_found`, `conflict` */
export async function cancelJob(context: AdministrationContext, id: string): Promise<ManagedJob> {
  const { db, dispatcher, now, later } = context
  const [rows] = await write(db, [byId('order_key AS "orderKey", lane', id)])
  const waitedFor = found(rows) as { orderKey: string | null; lane: string | null }
  const [cancelled, ...released] = await write(db, [
    {
      sql: `UPDATE _jobs SET state = 'cancelled', claim = NULL, due_at = NULL, finished_at = ?2
WHERE id = ?1 AND state IN ('queued', 'retrying', 'running') RETURNING ${MANAGED_COLUMNS}`,
      params: [id, now()],
    },
    ...releaseQueries(waitedFor, now()),
  ])
  if (!cancelled![0]) throw wrongState("it has ended already")
  later(dispatcher.send(releasedIds(released)))
  return toManagedJob(cancelled![0])
}

/** Removes a job that has ended. @throws SelvedgeError `not_found`, `conflict` */
export async function discardJob({ db }: Pick<AdministrationContext, "db">, id: string): Promise<void> {
  const [rows, discarded] = await write(db, [
    byId("1", id),
    { sql: "DELETE FROM _jobs WHERE id = ? AND finished_at IS NOT NULL RETURNING id", params: [id] },
  ])
  found(rows)
  if (discarded!.length === 0) throw wrongState("it hasn't ended; cancel it first")
}

async function write(db: Database, queries: readonly Query[]): Promise<ResultRow[][]> {
  try {
    return await db.write(queries)
  } catch (error) {
    if (readFailure(error).kind !== "unique") throw error
    throw new SelvedgeError("conflict", "An equal job, by its unique key, waits or runs already.", { cause: error })
  }
}

function byId(columns: string, id: string): Query {
  return { sql: `SELECT ${columns} FROM _jobs WHERE id = ?`, params: [id] }
}

function found(rows: readonly ResultRow[] | undefined): ResultRow {
  if (!rows?.[0]) throw new SelvedgeError("not_found", "There is no such job.")
  return rows[0]
}

function wrongState(detail: string): SelvedgeError {
  return new SelvedgeError("conflict", `The job is in the wrong state: ${detail}.`)
}

/** @throws SelvedgeError `conflict` */
function knownDefinition(definitions: JobDefinitions, name: string): JobDefinition {
  const definition = definitions.get(name)
  if (definition) return definition
  throw new SelvedgeError(
    "conflict",
    name === FOREIGN_NAME
      ? "This is a message of the queue that nobody understands, so it can't be retried; discard it."
      : `No job is declared under the name ${name}, so nobody can run it.`,
  )
}

/** @throws SelvedgeError `validation_failed` */
function readInput({ name, check }: JobDefinition, input: unknown): string {
  try {
    return toJsonText(`job ${name}: its input`, check(input as never), MOST_INPUT_BYTES)
  } catch (error) {
    const issues =
      error instanceof JobInputError
        ? error.issues
        : [{ path: [], code: "invalid_input", message: (error as Error).message }]
    throw validationFailed(
      issues.map(({ path, code, message }) => ({ pointer: jsonPointer(["input", ...path]), code, message })),
    )
  }
}

/** A key that was made of the input follows it; one that was given when the job was enqueued stays. */
function newKey(definition: JobDefinition, { input, uniqueKey }: ResultRow, edited: string): unknown {
  const isOwn = uniqueKey !== null && uniqueKey === keyOf(definition, input as string)
  return isOwn ? (keyOf(definition, edited) ?? uniqueKey) : uniqueKey
}

/** Undefined for an input that the application's function can't take. */
function keyOf({ uniqueKey }: JobDefinition, input: string): string | undefined {
  try {
    return uniqueKey?.(JSON.parse(input) as never)
  } catch {
    return undefined
  }
}

/** SQL of what is set when a job is to run as if for the first time. */
function afresh(now: string, messageTakesMs: number): string {
  return `state = 'queued', claim = NULL, attempts = 0, run_at = ${now}, due_at = ${now} + ${messageTakesMs},
started_at = NULL, finished_at = NULL, result = NULL, progress = NULL`
}
