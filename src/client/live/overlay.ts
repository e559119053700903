/** Own writes that have no answer yet, laid over what the server has told. */

import type { ClientRecord, Write } from "../outbox.ts"
import type { QueryObject } from "../query-string.ts"
import { matches } from "./match.ts"

interface Made {
  readonly from: ClientRecord | undefined
  readonly to: ClientRecord
}

/** What each write makes of a record, so that it stays the same object. */
const made = new WeakMap<Write, Made>()
/** When each was first seen here. */
const times = new WeakMap<Write, string>()

/**
 * The records that are then to be shown. What may match, but not for sure, stays shown or hidden as it was. What isn't
 * there yet has the version 0, and only the fields that it was written with.
 */
export function lay(
  base: ReadonlyMap<string, ClientRecord>,
  writes: readonly Write[],
  filter: QueryObject,
): Map<string, ClientRecord> {
  const records = new Map(base)
  const hidden = new Set<string>()
  for (const write of writes) {
    const { id, kind } = write
    const known = records.get(id)
    if (kind === "delete") records.delete(id)
    if (kind === "delete" || (kind === "create" && known) || (kind === "update" && !known)) continue
    const record = become(write, known)
    records.set(id, record)
    const verdict = matches(filter, kind === "replace" ? become(write, undefined) : record)
    if (verdict === false || (verdict === undefined && !known)) hidden.add(id)
    if (verdict) hidden.delete(id)
  }
  for (const id of hidden) records.delete(id)
  return records
}

function become(write: Write, from: ClientRecord | undefined): ClientRecord {
  const last = made.get(write)
  if (last && last.from === from) return last.to
  const updatedAt = times.get(write) ?? new Date().toISOString()
  times.set(write, updatedAt)
  const to = { ...(from ?? { createdAt: updatedAt, version: 0 }), updatedAt, ...write.values, id: write.id }
  if (from || write.kind !== "replace") made.set(write, { from, to })
  return to
}
