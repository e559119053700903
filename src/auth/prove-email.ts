/** What the proof of an address does to an account that nobody has proved to be theirs yet. */

import type { Query } from "../db/query.ts"

/** What could have been planted by somebody who knew the address and waited for its owner. */
const PLANTED = ["_passwords", "_passkeys", "_identities", "_totps", "_recovery_codes", "_one_time"]

const UNPROVED = "EXISTS (SELECT 1 FROM _users WHERE id = ?1 AND email_verified = 0)"

/**
 * Gives an account to the owner of its address: on one without a proof, all credentials and sessions go before it is
 * marked as proved. On a proved account nothing changes. The last statement changes a row exactly when there was a proof
 * to make.
 *
 * A statement that gives the account a credential of its owner, such as the password of a reset, comes after.
 */
export function proveEmail(userId: string, now: number): Query[] {
  return [
    ...PLANTED.map((table) => ({ sql: `DELETE FROM ${table} WHERE user_id = ?1 AND ${UNPROVED}`, params: [userId] })),
    ...["_keys", "_sessions"].map((table) => ({
      sql: `UPDATE ${table} SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL AND ${UNPROVED}`,
      params: [userId, now],
    })),
    { sql: "UPDATE _users SET email_verified = 1, mfa = 0 WHERE id = ? AND email_verified = 0", params: [userId] },
  ]
}
