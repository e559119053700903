/** A delivery as its row tells it, and storing new ones with the jobs that carry them out. */

import { guard } from "../db/guard.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { LOST_AFTER_MS } from "../jobs/enqueue.ts"
import { readJsonList } from "../jobs/json-text.ts"
import { toTime } from "./webhook.ts"

export const DELIVERY_JOB = "delivery"
/** At most so many calls of one webhook at a time, so that a slow one keeps nobody waiting but itself. */
const LANE_WIDTH = 5
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** Milliseconds before each retry: three days in all. */
export const RETRIES_MS: readonly number[] = [
  5_000,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR_MS),
]
const MOST_ATTEMPTS = RETRIES_MS.length + 1
/** Of all attempts, so many are kept. */
const MOST_KEPT_ATTEMPTS = 30
/** Characters of one JSON parameter; D1 takes 2 MB. */
const CHUNK_CHARS = 500_000

/** One call of the receiver, as it is stored. */
export interface Attempt {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Null when there was no answer. */
  readonly status: number | null
  readonly durationMs: number
  /** The beginning of the answer, without secrets. */
  readonly response: string | null
  /** Why it failed, where the status doesn't tell. */
  readonly error?: string
}

export interface Delivery {
  readonly id: string
  readonly webhookId: string
  readonly event: string
  readonly state: "pending" | "succeeded" | "failed"
  readonly attempts: readonly (Omit<Attempt, "at"> & { readonly at: string })[]
  /** Of the next attempt; null when there is none, or it is being made. */
  readonly nextAt: string | null
  readonly createdAt: string
}

const IS_OPEN = "EXISTS (SELECT 1 FROM _jobs j WHERE j.id = d.id AND j.finished_at IS NULL)"
/** However its job came to an end, one that waits for nothing any more has failed. Of `_deliveries AS d`. */
export const DELIVERY_STATE = `iif(d.state = 'succeeded', d.state, iif(${IS_OPEN}, 'pending', 'failed'))`

/** The columns that {@link toDelivery} reads, of `_deliveries AS d`. */
export const DELIVERY_COLUMNS = `d.id, d.webhook_id AS "webhookId", d.event, ${DELIVERY_STATE} AS state, d.attempts, d.created_at AS "createdAt",
(SELECT j.run_at FROM _jobs j WHERE j.id = d.id AND j.state IN ('queued', 'retrying') AND j.finished_at IS NULL) AS "nextAt"`

export function toDelivery(row: ResultRow): Delivery {
  const attempts = readJsonList<Attempt>(row.attempts)
  return {
    id: row.id as string,
    webhookId: row.webhookId as string,
    event: row.event as string,
    state: row.state as Delivery["state"],
    attempts: attempts.map(({ at, ...rest }) => ({ at: toTime(at), ...rest })),
    nextAt: row.nextAt === null ? null : toTime(row.nextAt as number),
    createdAt: toTime(row.createdAt as number),
  }
}

/** What is to be told, and to whom. */
export interface Message {
  readonly event: string
  /** The body as it is sent. */
  readonly payload: string
  /** Webhooks that keep an order get messages of one subject by their position. */
  readonly subject?: string
  readonly position?: number
  readonly targets: readonly { readonly id: string; readonly webhookId: string }[]
}

/** Splits messages so that each part can be stored by one {@link insertDeliveries}. */
export function chunkMessages(messages: readonly Message[]): Message[][] {
  const chunks: Message[][] = []
  let chars = Number.POSITIVE_INFINITY
  for (const message of messages) {
    const size = JSON.stringify(message).length
    chars += size
    if (chars > CHUNK_CHARS) {
      chunks.push([])
      chars = size
    }
    chunks.at(-1)!.push(message)
  }
  return chunks
}

/** Deliveries and their jobs, of the webhooks that are enabled at that moment. */
export function insertDeliveries(messages: readonly Message[], now: number): Query[] {
  const bodies = messages.map(({ event, payload, targets }) => [
    event,
    payload,
    targets.map(({ id, webhookId }) => [id, webhookId]),
  ])
  const jobs = messages.flatMap(({ subject = null, position = null, targets }) =>
    targets.map(({ id }) => [id, subject, position]),
  )
  return [
    {
      sql: `INSERT INTO _deliveries (id, webhook_id, event, state, payload, created_at)
SELECT t.value ->> 0, w.id, m.value ->> 0, 'pending', m.value ->> 1, ?2
FROM json_each(?1) m CROSS JOIN json_each(m.value, '$[2]') t CROSS JOIN _webhooks w ON w.id = t.value ->> 1
WHERE w.disabled_for IS NULL`,
      params: [JSON.stringify(bodies), now],
    },
    {
      sql: `INSERT INTO _jobs (${JOB_COLUMNS}, order_key, position)
SELECT ${jobValues("?2")}, iif(w.ordered, concat('delivery:', w.id, ':', t.value ->> 1), NULL), iif(w.ordered, t.value ->> 2, NULL)
FROM json_each(?1) t CROSS JOIN _deliveries d ON d.id = t.value ->> 0 CROSS JOIN _webhooks w ON w.id = d.webhook_id`,
      params: [JSON.stringify(jobs), now],
    },
  ]
}

const JOB_COLUMNS = "id, name, state, input, max_attempts, run_at, due_at, lane, lane_width, created_at"

function jobValues(now: string): string {
  return `d.id, '${DELIVERY_JOB}', 'queued', json_object('webhookId', d.webhook_id, 'event', d.event), ${MOST_ATTEMPTS}, ${now}, ${now} + ${LOST_AFTER_MS},
'delivery:' || d.webhook_id, ${LANE_WIDTH}, ${now}`
}

/** Sends a delivery that has ended once more, from the first attempt on, and out of any order. */
export function redeliverQueries(id: string, now: number): Query[] {
  return [
    { sql: "UPDATE _deliveries SET state = 'pending' WHERE id = ?", params: [id] },
    {
      sql: `INSERT INTO _jobs (${JOB_COLUMNS}) SELECT ${jobValues("?2")} FROM _deliveries d WHERE d.id = ?1
ON CONFLICT (id) DO UPDATE SET state = 'queued', claim = NULL, attempts = 0, max_attempts = excluded.max_attempts, run_at = ?2,
  due_at = excluded.due_at, order_key = NULL, position = NULL, result = NULL, errors = '[]', started_at = NULL, finished_at = NULL`,
      params: [id, now],
    },
  ]
}

/** Aborts the batch with `delivery_pending`, or `webhook_disabled`. */
export function redeliverGuards(id: string): Query[] {
  return [
    guard(`SELECT 'delivery_pending' FROM _deliveries d WHERE d.id = ? AND ${IS_OPEN}`, [id]),
    guard(
      `SELECT 'webhook_disabled' FROM _deliveries d JOIN _webhooks w ON w.id = d.webhook_id
WHERE d.id = ? AND w.disabled_for IS NOT NULL`,
      [id],
    ),
  ]
}

export function appendAttempt(id: string, attempt: Attempt, state: Delivery["state"]): Query {
  return {
    sql: `UPDATE _deliveries SET state = ?3, attempts = json_insert(CASE WHEN NOT json_valid(attempts) THEN '[]'
  WHEN json_array_length(attempts) >= ${MOST_KEPT_ATTEMPTS} THEN json_remove(attempts, '$[0]') ELSE attempts END, '$[#]', json(?2)) WHERE id = ?1`,
    params: [id, JSON.stringify(attempt), state],
  }
}
