/** Anonymous accounts, which end by becoming a full one or by going into one. */

import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import type { AuthContext } from "./context.ts"

/** The anonymous user that a request's own access token names. */
export function anonymousCaller({ caller }: Pick<AuthContext, "caller">): string | undefined {
  return caller.session?.anonymous ? caller.id : undefined
}

/** Aborts the batch with `code` unless the account is still anonymous and, where its own token asks, signed in. */
export function requireAnonymous({ caller, now }: AuthContext, id: string, code: string): Query {
  const session = caller.id === id ? (caller.session?.id ?? null) : null
  return guard(
    `SELECT '${code}' WHERE NOT EXISTS (SELECT 1 FROM _users WHERE id = ?1 AND is_anonymous = 1 AND deleted_at IS NULL)
  OR (?2 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM _sessions
    WHERE id = ?2 AND user_id = ?1 AND revoked_at IS NULL AND expires_at > ?3 AND idle_at > ?3))`,
    [id, session, now()],
  )
}
