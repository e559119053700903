/** Jobs that may run because others have stopped without an end of their own: they crashed, or the queue lost them. */

import type { ResultRow } from "../db/query.ts"
import { createDispatcher } from "./dispatch.ts"
import { releasedIds, releaseQueries } from "./end.ts"
import { type JobSystem, writeJobs } from "./system.ts"

/** Orders and lanes looked at together; what is left out is found by the clock. */
const MOST_TOGETHER = 50

/** @param stopped Rows with `orderKey` and `lane`. */
export async function sendReleased(stopped: readonly ResultRow[], system: JobSystem): Promise<void> {
  const orders = distinct(stopped.map((row) => row.orderKey))
  const lanes = distinct(stopped.map((row) => row.lane))
  const queries = [
    ...orders.map((orderKey) => ({ orderKey, lane: null })),
    ...lanes.map((lane) => ({ orderKey: null, lane })),
  ].flatMap((waitedFor) => releaseQueries(waitedFor, system.now()))
  if (queries.length === 0) return
  const released = await writeJobs(system, queries)
  await createDispatcher({ ...system, later: () => {} }).send(releasedIds(released))
}

function distinct(values: readonly unknown[]): string[] {
  return [...new Set(values.filter((value) => typeof value === "string"))].slice(0, MOST_TOGETHER)
}
