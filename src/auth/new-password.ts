/** A new password for an account: what the old one, or a mail about it, could still open is closed with it. */

import type { Query } from "../db/query.ts"
import { endSessions } from "./sessions.ts"
import { insertPassword } from "./sign-up.ts"

/** @param exceptSession The one that stays. */
export function newPasswordQueries(userId: string, hash: string, now: number, exceptSession?: string): Query[] {
  return [
    insertPassword(userId, hash, now),
    endSessions(userId, now, exceptSession),
    // resets and invites, tickets for a second factor, codes of an exchange; proofs of an address are no way in
    { sql: "DELETE FROM _one_time WHERE user_id = ? AND purpose <> 'verify-email'", params: [userId] },
  ]
}
