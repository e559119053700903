/** No account is left without a way to sign in to it. */

import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"

/** What is about to be removed. */
export interface Removed {
  /** A passkey's id. */
  readonly passkey?: string
  /** Of identities. */
  readonly issuer?: string
}

/** Aborts the batch with `last_way` unless the account can be signed in to without what is removed. */
export function anotherWay(userId: string, { passkey, issuer }: Removed): Query {
  return guard(
    `SELECT 'last_way' WHERE NOT EXISTS (SELECT 1 FROM _passwords WHERE user_id = ?1)
  AND NOT EXISTS (SELECT 1 FROM _identities WHERE user_id = ?1 AND issuer IS NOT ?3)
  AND NOT EXISTS (SELECT 1 FROM _users WHERE id = ?1 AND email IS NOT NULL AND email_verified = 1)
  AND NOT EXISTS (SELECT 1 FROM _passkeys WHERE user_id = ?1 AND id IS NOT ?2)`,
    [userId, passkey ?? null, issuer ?? null],
  )
}
