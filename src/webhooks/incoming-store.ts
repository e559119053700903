/** Messages that came in: each is stored once, however often it comes, together with the job that it runs as. */

import type { Database } from "../db/database.ts"
import type { Query } from "../db/query.ts"
import { insertJob, laneOf, type NewJob } from "../jobs/enqueue.ts"
import { newId } from "../schema/record-id.ts"
import type { IncomingWebhook, StoredMessage } from "./incoming.ts"

const DAY_MS = 24 * 3_600_000
/** A signature is good for minutes; senders repeat what wasn't answered for days. */
const KEPT_MS = 30 * DAY_MS
/** Rows at a time. */
const STEP = 500

/** @returns The job; nothing when the message came before. */
export async function storeMessage(
  { path, definition }: IncomingWebhook,
  message: StoredMessage,
  { db, now, traceId }: { db: Pick<Database, "write">; now: number; traceId: string | undefined },
): Promise<NewJob | undefined> {
  const job: NewJob = {
    id: newId(),
    name: definition.name,
    input: JSON.stringify(message),
    maxAttempts: definition.maxAttempts,
    runAt: now,
    ...laneOf(definition),
    traceId,
  }
  const [stored] = await db.write([
    {
      sql: "INSERT INTO _received (path, message_id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING message_id",
      params: [path, message.id, now],
    },
    insertJob(job, now, { sql: "changes() = 1", params: [] }),
  ])
  return stored!.length === 1 ? job : undefined
}

export function sweepReceived(now: number): Query {
  return {
    sql: `DELETE FROM _received WHERE rowid IN (SELECT rowid FROM _received WHERE at <= ? ORDER BY at LIMIT ${STEP})`,
    params: [now - KEPT_MS],
  }
}
