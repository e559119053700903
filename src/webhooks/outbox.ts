/** What admins do with deliveries: read one, send one again, send a test. */

import { SelvedgeError } from "../core/problem.ts"
import type { Database } from "../db/database.ts"
import { readFailure } from "../db/errors.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"
import {
  DELIVERY_COLUMNS,
  type Delivery,
  insertDeliveries,
  redeliverGuards,
  redeliverQueries,
  toDelivery,
} from "./delivery.ts"
import { noWebhook } from "./registry.ts"
import { toTime } from "./webhook.ts"

const TEST_EVENT = "test"

export interface OutboxContext {
  readonly db: Database
  readonly now: number
  /** Called with a delivery's job once it is committed. */
  committed(job: { id: string; runAt: number }): void
}

/** A delivery with what is sent. Its signature and time are of each attempt, and not kept. */
export type DeliveryWithRequest = Delivery & {
  readonly request: { readonly method: "POST"; readonly url: string; readonly body: unknown }
}

export async function getDelivery({ db }: Pick<OutboxContext, "db">, id: string): Promise<DeliveryWithRequest> {
  const [row] = await db.read({
    sql: `SELECT ${DELIVERY_COLUMNS}, d.payload, w.url FROM _deliveries d JOIN _webhooks w ON w.id = d.webhook_id WHERE d.id = ?`,
    params: [id],
  })
  if (!row) throw noDelivery()
  const request = { method: "POST" as const, url: row.url as string, body: JSON.parse(row.payload as string) }
  return { ...toDelivery(row), request }
}

/** The same message under the same id, so that a receiver that has it can tell. */
export async function redeliver({ db, now, committed }: OutboxContext, id: string): Promise<Delivery> {
  let rows: ResultRow[][]
  try {
    rows = await db.write([...redeliverGuards(id), ...redeliverQueries(id, now), selectQuery(id)])
  } catch (error) {
    throw explain(error)
  }
  const row = rows.at(-1)![0]
  if (!row) throw noDelivery()
  committed({ id, runAt: now })
  return toDelivery(row)
}

export async function sendTest({ db, now, committed }: OutboxContext, webhookId: string): Promise<Delivery> {
  const id = newId()
  const payload = JSON.stringify({ type: TEST_EVENT, timestamp: toTime(now), data: { webhookId } })
  const rows = await db.write([
    { sql: "SELECT 1 FROM _webhooks WHERE id = ?", params: [webhookId] },
    ...insertDeliveries([{ event: TEST_EVENT, payload, targets: [{ id, webhookId }] }], now),
    selectQuery(id),
  ])
  if (rows[0]!.length === 0) throw noWebhook()
  const row = rows.at(-1)![0]
  if (!row) throw disabled()
  committed({ id, runAt: now })
  return toDelivery(row)
}

function selectQuery(id: string): Query {
  return { sql: `SELECT ${DELIVERY_COLUMNS} FROM _deliveries d WHERE d.id = ?`, params: [id] }
}

function explain(error: unknown): unknown {
  const failure = readFailure(error)
  if (failure.kind !== "guard") return error
  if (failure.code === "webhook_disabled") return disabled()
  return new SelvedgeError("conflict", "It is on its way already.", { cause: error })
}

function disabled(): SelvedgeError {
  return new SelvedgeError("conflict", "The webhook is disabled; enable it first.")
}

function noDelivery(): SelvedgeError {
  return new SelvedgeError("not_found", "There is no such delivery.")
}
