/** A new password for an account: what the old one, or a mail about it, could still open is closed with it. */

import type { Query } from "../db/query.ts"
import { voidCodes } from "./email-codes.ts"
import { endSessions } from "./sessions.ts"
import { insertPassword } from "./sign-up.ts"

interface Account {
  readonly userId: string
  readonly email: string | null
}

/** @param exceptSession The one that stays. */
export function newPasswordQueries(
  { userId, email }: Account,
  hash: string,
  now: number,
  exceptSession?: string,
): Query[] {
  return [
    insertPassword(userId, hash, now),
    endSessions(userId, now, exceptSession),
    // resets and invites, tickets for a second factor; proofs of an address are no way in
    { sql: "DELETE FROM _one_time WHERE user_id = ? AND purpose <> 'verify-email'", params: [userId] },
    ...(email === null ? [] : [...voidCodes(email), voidLinks(email)]),
  ]
}

/** These belong to an address: whose account it is shows only when they are used. */
function voidLinks(email: string): Query {
  return { sql: "DELETE FROM _one_time WHERE purpose IN ('sign-in-link', 'exchange') AND subject = ?", params: [email] }
}
