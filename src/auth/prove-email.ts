/** What the proof of an address does to an account that nobody has proved to be theirs yet. */

import type { Query } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { standingQuery } from "./fresh.ts"

/** What can be added to an account before anybody has proved its address, API keys aside. */
const ADDED = ["_passkeys", "_identities", "_totps", "_recovery_codes", "_one_time"]
/** What could have been planted by somebody who knew the address and waited for its owner. */
const PLANTED = ["_passwords", ...ADDED]

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

/**
 * The milder form, for the link of a mail that says that an account was made: its password and its sessions stay. What
 * was added to them goes, unless the account itself asks, in a session that stands: then who added it is who confirms.
 * It comes before the account is marked as proved. Nothing goes from an account that has no address yet.
 */
export function dropAdded(context: Pick<AuthContext, "caller" | "now">, userId: string): Query[] {
  const { caller, now } = context
  const own = standingQuery(context, "1")
  const unproved = "EXISTS (SELECT 1 FROM _users WHERE id = ? AND email IS NOT NULL AND email_verified = 0)"
  const where = `${unproved} AND NOT (? AND EXISTS (${own.sql}))`
  const params = [userId, userId, caller.id === userId ? 1 : 0, ...own.params]
  return [
    ...ADDED.map((table) => ({ sql: `DELETE FROM ${table} WHERE user_id = ? AND ${where}`, params })),
    {
      sql: `UPDATE _keys SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL AND ${where}`,
      params: [now(), ...params],
    },
    { sql: `UPDATE _users SET mfa = 0 WHERE id = ? AND mfa = 1 AND ${where}`, params },
  ]
}
