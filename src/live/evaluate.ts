/** What one change means to a query that follows changes. */

import { matches } from "../access/filter-match.ts"
import type { Change, ChangeRow } from "../core/change.ts"
import type { Projection, WireRecord } from "../query/projection.ts"
import { toWire } from "../schema/values.ts"
import type { LivePlan, ViewChange } from "./plan.ts"

/** A row's record as JSON text, in the form that a list gives it. */
export type RecordText = (projection: Projection, row: ChangeRow) => string

/**
 * @param change Of the query's own table.
 * @param text Where records of many views are made, one that makes each once.
 * @returns Undefined where the view stays as it is.
 */
export function evaluate(plan: LivePlan, change: Change, text: RecordText = recordText): ViewChange | undefined {
  const { before, after, recordId } = change
  const { projection } = plan
  const had = before !== null && isSeen(plan, before)
  if (after === null || !isSeen(plan, after)) return had ? { op: "removed", recordId } : undefined
  const record = text(projection, after)
  if (!had) return { op: "added", recordId, record }
  return record === text(projection, before) ? undefined : { op: "modified", recordId, record }
}

/** @returns JSON text with the keys in a list's order. */
export function recordText({ columns }: Projection, row: ChangeRow): string {
  const record: WireRecord = {}
  for (const column of columns) record[column.key] = toWire(column, row[column.name] ?? null)
  return JSON.stringify(record)
}

/** Whether the change knows all columns of today. One from before a migration may lack some, and then says too little. */
export function isWhole({ collection }: LivePlan, { before, after }: Change): boolean {
  return [before, after].every((row) => row === null || collection.table.columns.every(({ name }) => name in row))
}

function isSeen({ access, filter }: LivePlan, row: ChangeRow): boolean {
  return matches(access, row) && matches(filter, row)
}
