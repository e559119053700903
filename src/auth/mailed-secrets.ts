/** The secret that an order gets when its job runs; that of an earlier attempt is void then. */

import type { Query } from "../db/query.ts"
import type { OrderKey } from "./mail-orders.ts"
import { hashOf, LIFETIME_MS } from "./one-time.ts"
import { randomSecret } from "./secrets.ts"

/** A secret, and what of it is stored; `payload` and `subject` are the order's where they are undefined. */
export interface MintedForMail {
  readonly secret: string
  readonly hash: string
  readonly payload?: string
  readonly subject?: null
  readonly expiresAt: number
}

export function mintLink({ purpose }: OrderKey, now: number): MintedForMail {
  const secret = randomSecret()
  return { secret, hash: hashOf(purpose, secret), expiresAt: now + LIFETIME_MS[purpose] }
}

/**
 * Stores the secret of an order in place of the one that an earlier attempt has made. The last statement gives a row
 * unless the order is gone.
 */
export function storeQueries({ purpose, hash }: OrderKey, minted: MintedForMail): Query[] {
  const order = "FROM _one_time WHERE purpose = ?1 AND hash = ?2"
  return [
    {
      sql: `DELETE FROM _one_time WHERE purpose = ?1 AND hash = (SELECT payload ->> '$.minted.hash' ${order})`,
      params: [purpose, hash],
    },
    {
      sql: `INSERT INTO _one_time (purpose, hash, user_id, subject, payload, expires_at)
SELECT purpose, ?3, user_id, iif(?4, NULL, subject), coalesce(?5, payload -> '$.payload'), ?6 ${order}
ON CONFLICT (purpose, hash) DO UPDATE SET payload = excluded.payload, attempts = 0, expires_at = excluded.expires_at`,
      params: [
        ...[purpose, hash, minted.hash],
        ...[minted.subject === null ? 1 : 0, minted.payload ?? null, minted.expiresAt],
      ],
    },
    {
      sql: `UPDATE _one_time SET payload = json_set(payload, '$.minted', json_object('hash', ?3, 'until', ?4))
WHERE purpose = ?1 AND hash = ?2 RETURNING 1`,
      params: [purpose, hash, minted.hash, minted.expiresAt],
    },
  ]
}
