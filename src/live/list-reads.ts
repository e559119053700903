/** The lists that live queries begin with, and those that are run again. */

import { Database, type Start } from "../db/database.ts"
import type { WireRecord } from "../query/projection.ts"
import type { RecordsContext } from "../records/context.ts"
import { type ListRead, listRecords } from "../records/read.ts"
import type { HubOptions } from "./hub-context.ts"
import type { LivePlan } from "./plan.ts"
import { readSeen } from "./position.ts"

/** A list and the newest change that it has seen. */
export interface ListedAt {
  readonly epoch: string
  readonly seq: number
  readonly bookmark: string
  readonly records: readonly WireRecord[]
  nextAfter(count: number): string | null
}

type Source = Pick<HubOptions, "d1" | "isolate" | "collections" | "now">

/**
 * @param reached What the answer must have seen at least: a replica that lags is passed over for the primary.
 * @throws SelvedgeError as a list over HTTP does.
 */
export async function readList(
  source: Source,
  plan: LivePlan,
  limit: number,
  reached: () => number,
): Promise<ListedAt> {
  const near = await listAt(source, plan, limit, undefined)
  return near.seq >= reached() ? near : listAt(source, plan, limit, { d1: null })
}

async function listAt(
  { d1, isolate, collections, now }: Source,
  { caller, collection, request }: LivePlan,
  limit: number,
  start: Start,
): Promise<ListedAt> {
  const db = new Database(d1, isolate, start)
  const context: RecordsContext = { collections, caller, db, now, enqueue: refuseJobs }
  const { value, nextAfter }: ListRead = await listRecords(context, collection, { ...request, limit })
  const bookmark = db.bookmark()!
  const { epoch, seq } = readSeen(bookmark)
  return { epoch, seq, bookmark, records: value.data, nextAfter }
}

function refuseJobs(): never {
  throw new TypeError("a read enqueues nothing")
}
