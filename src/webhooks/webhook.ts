/** A webhook as its row tells it. */

import type { ResultRow } from "../db/query.ts"
import { readJsonList, readJsonText } from "../jobs/json-text.ts"

/** Why it gets nothing: it answered 410, it failed for days, or an admin said so. */
export type DisabledFor = "gone" | "failing" | "paused"

export interface Webhook {
  readonly id: string
  readonly url: string
  readonly events: readonly string[]
  readonly filter: Readonly<Record<string, unknown>> | null
  readonly ordered: boolean
  readonly enabled: boolean
  readonly disabledFor: DisabledFor | null
  /** Since when nothing has got through. */
  readonly failingSince: string | null
  readonly createdAt: string
  readonly updatedAt: string
}

/** The columns that {@link toWebhook} reads, of `_webhooks`; nothing of the secrets. */
export const WEBHOOK_COLUMNS = `id, url, events, filter, ordered, disabled_for AS "disabledFor",
failing_since AS "failingSince", created_at AS "createdAt", updated_at AS "updatedAt"`

export function toWebhook(row: ResultRow): Webhook {
  return {
    id: row.id as string,
    url: row.url as string,
    events: readJsonList(row.events),
    filter: readJsonText(row.filter, null),
    ordered: row.ordered === 1,
    enabled: row.disabledFor === null,
    disabledFor: row.disabledFor as DisabledFor | null,
    failingSince: row.failingSince === null ? null : toTime(row.failingSince as number),
    createdAt: toTime(row.createdAt as number),
    updatedAt: toTime(row.updatedAt as number),
  }
}

export function toTime(ms: number): string {
  return new Date(ms).toISOString()
}
