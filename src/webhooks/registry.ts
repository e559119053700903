/** What admins do with webhooks: register, change, rotate, remove. */

import type { Collections } from "../access/model.ts"
import type { Secrets } from "../auth/secrets.ts"
import { type ProblemDetail, SelvedgeError, validationFailed } from "../core/problem.ts"
import type { Database } from "../db/database.ts"
import type { Query } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"
import { type AddressRules, addressFault } from "./address.ts"
import { cancelWaiting } from "./disable.ts"
import { interestFaults } from "./events.ts"
import { newWebhookSecret, OVERLAP_MS, sealWebhookSecret } from "./secret.ts"
import { toWebhook, WEBHOOK_COLUMNS, type Webhook } from "./webhook.ts"

/** It is read with every page of changes. */
const MOST_FILTER_CHARS = 10_000

export interface RegistryContext {
  readonly db: Database
  readonly collections: Collections
  readonly secrets: Secrets
  readonly rules: AddressRules
  readonly now: number
}

export interface WebhookInput {
  readonly url: string
  readonly events: readonly string[]
  readonly filter: Readonly<Record<string, unknown>> | null
  readonly ordered: boolean
}

export type WithSecret = Webhook & { readonly secret: string }

/**
 * @param ownerId Who is told when it is disabled.
 * @throws SelvedgeError `validation_failed`
 */
export async function createWebhook(
  context: RegistryContext,
  input: WebhookInput,
  ownerId: string | null,
): Promise<WithSecret> {
  requireValid(context, input)
  const { db, secrets, now } = context
  const id = newId()
  const secret = newWebhookSecret()
  const rows = await db.write([
    {
      sql: `INSERT INTO _webhooks (id, url, events, filter, ordered, secret, owner_id, created_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) RETURNING ${WEBHOOK_COLUMNS}`,
      params: [id, ...valuesOf(input), await sealWebhookSecret(secrets, id, secret), ownerId, now],
    },
  ])
  return { ...toWebhook(rows[0]![0]!), secret }
}

function requireValid({ collections, rules }: RegistryContext, { url, events, filter }: WebhookInput): void {
  const fault = addressFault(url, rules)
  const faults: ProblemDetail[] = [
    ...(fault ? [{ pointer: "/url", code: "invalid_value", message: fault }] : []),
    ...interestFaults(collections, events, filter),
  ]
  if (filter && JSON.stringify(filter).length > MOST_FILTER_CHARS) {
    faults.push({
      pointer: "/filter",
      code: "too_big",
      message: `must have at most ${MOST_FILTER_CHARS} characters as JSON`,
    })
  }
  if (faults.length > 0) throw validationFailed(faults)
}

/** The address, the events, the filter and whether they come in order. */
function valuesOf({ url, events, filter, ordered }: WebhookInput): unknown[] {
  return [url, JSON.stringify([...new Set(events)]), filter && JSON.stringify(filter), ordered ? 1 : 0]
}

export async function getWebhook({ db }: Pick<RegistryContext, "db">, id: string): Promise<Webhook> {
  const [row] = await db.read(selectQuery(id))
  if (!row) throw noWebhook()
  return toWebhook(row)
}

export interface WebhookChange extends Partial<WebhookInput> {
  readonly enabled?: boolean
}

/** A pause ends what waits for it; enabled again, it starts as if it had never failed. */
export async function changeWebhook(context: RegistryContext, id: string, change: WebhookChange): Promise<Webhook> {
  const { enabled, ...rest } = change
  const { db, now } = context
  const [known] = await db.write([selectQuery(id)])
  if (!known![0]) throw noWebhook()
  const input = { ...toWebhook(known![0]), ...rest }
  // one that was valid once can always be paused
  if (enabled || Object.keys(rest).length > 0) requireValid(context, input)
  const rows = await db.write([
    {
      sql: "UPDATE _webhooks SET url = ?2, events = ?3, filter = ?4, ordered = ?5, updated_at = ?6 WHERE id = ?1",
      params: [id, ...valuesOf(input), now],
    },
    ...(enabled === undefined ? [] : enableQueries(id, enabled, now)),
    selectQuery(id),
  ])
  const row = rows.at(-1)![0]
  if (!row) throw noWebhook()
  return toWebhook(row)
}

function enableQueries(id: string, enabled: boolean, now: number): Query[] {
  if (enabled) {
    const isDisabled = "disabled_for IS NOT NULL"
    const sql = `UPDATE _webhooks SET disabled_for = NULL, failing_since = NULL WHERE id = ? AND ${isDisabled}`
    return [{ sql, params: [id] }]
  }
  return [
    { sql: "UPDATE _webhooks SET disabled_for = 'paused' WHERE id = ? AND disabled_for IS NULL", params: [id] },
    cancelWaiting(id, "the webhook is disabled: paused", now),
  ]
}

/** The old secret signs beside the new one for a day. */
export async function rotateWebhook({ db, secrets, now }: RegistryContext, id: string): Promise<WithSecret> {
  const secret = newWebhookSecret()
  const rows = await db.write([
    {
      sql: `UPDATE _webhooks SET previous_secret = secret, previous_until = ?2, secret = ?3, updated_at = ?4
WHERE id = ?1 RETURNING ${WEBHOOK_COLUMNS}`,
      params: [id, now + OVERLAP_MS, await sealWebhookSecret(secrets, id, secret), now],
    },
  ])
  const row = rows[0]![0]
  if (!row) throw noWebhook()
  return { ...toWebhook(row), secret }
}

/** Its deliveries go with it. */
export async function deleteWebhook({ db, now }: Pick<RegistryContext, "db" | "now">, id: string): Promise<void> {
  const [rows] = await db.write([
    { sql: "DELETE FROM _webhooks WHERE id = ? RETURNING id", params: [id] },
    cancelWaiting(id, "the webhook was deleted", now),
  ])
  if (rows!.length === 0) throw noWebhook()
}

function selectQuery(id: string): Query {
  return { sql: `SELECT ${WEBHOOK_COLUMNS} FROM _webhooks WHERE id = ?`, params: [id] }
}

export function noWebhook(): SelvedgeError {
  return new SelvedgeError("not_found", "There is no such webhook.")
}
