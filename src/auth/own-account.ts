/** A user's own account: seen, renamed, and deleted so that nothing personal stays. */

import type { Query } from "../db/query.ts"
import { adminRemains, explainAdministration } from "./administration.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { explainSession, freshSession, requireSession, standingSession } from "./fresh.ts"
import { writeStanding } from "./standing.ts"
import { toUser, USER_COLUMNS, type User } from "./users.ts"

/** Whose rows go with an account. */
const OWNED = ["_passwords", "_identities", "_passkeys", "_totps", "_recovery_codes", "_keys", "_one_time"]

/** One trip. @throws SelvedgeError `unauthenticated` when the session has ended. */
export async function readOwnAccount(context: AuthContext): Promise<User> {
  const rows = await writeStanding(context, [ownRow(context)])
  return toUser(rows[0]![0]!)
}

/** @param name Undefined leaves it as it is, null takes it away. */
export async function changeOwnAccount(
  context: AuthContext,
  { name }: { name?: string | null | undefined },
): Promise<User> {
  if (name === undefined) return readOwnAccount(context)
  const userId = context.caller.id
  const rows = await writeStanding(context, [
    { sql: "UPDATE _users SET name = ?1 WHERE id = ?2 AND name IS NOT ?1", params: [name, userId] },
    eventQuery(context, { event: "account_changed", userId, detail: { field: "name" } }, "changes() = 1"),
    ownRow(context),
  ])
  return toUser(rows.at(-1)![0]!)
}

function ownRow({ caller }: AuthContext): Query {
  return { sql: `SELECT ${USER_COLUMNS} FROM _users u WHERE u.id = ?`, params: [caller.id] }
}

/**
 * Deletes the caller's account in one batch. The row in `_users` stays, without anything personal, so that what refers
 * to it stays whole.
 *
 * @throws SelvedgeError `unauthenticated` when the session has ended, `reauthentication_required` when the sign-in was
 * too long ago, `conflict` for the last admin.
 */
export async function deleteOwnAccount(context: AuthContext): Promise<void> {
  const userId = context.caller.id
  const isAnonymous = requireSession(context).anonymous
  try {
    await context.db.write([
      isAnonymous ? standingSession(context) : freshSession(context),
      adminRemains(userId, context.now()),
      ...context.settings.onDelete(userId, context.orm).map((statement) => statement.toSQL()),
      eventQuery(context, { event: "account_deleted", userId }),
      ...forgetQueries(userId, context.now()),
    ])
  } catch (error) {
    throw explainAdministration(explainSession(error))
  }
}

/** The row of the account comes last: the statements before it read its address. */
function forgetQueries(userId: string, now: number): Query[] {
  return [
    ...OWNED.map((table) => ({ sql: `DELETE FROM ${table} WHERE user_id = ?`, params: [userId] })),
    {
      // secrets that were sent to the address before anyone knew whose it is
      sql: `DELETE FROM _one_time WHERE rowid IN (
  SELECT o.rowid FROM _users u CROSS JOIN _one_time o WHERE u.id = ? AND u.email IS NOT NULL
    AND (o.subject = u.email OR instr(o.payload, json_quote(u.email)) > 0))`,
      params: [userId],
    },
    { sql: "DELETE FROM _mails WHERE recipient = (SELECT email FROM _users WHERE id = ?)", params: [userId] },
    { sql: "DELETE FROM _idempotency WHERE scope = 'user:' || ?", params: [userId] },
    {
      sql: `UPDATE _sessions SET revoked_at = coalesce(revoked_at, ?2), ip = NULL, user_agent = NULL, place = NULL
WHERE user_id IN (${FORMER_IDS})`,
      params: [userId, now],
    },
    { sql: `UPDATE _auth_events SET ip = NULL WHERE user_id IN (${FORMER_IDS})`, params: [userId] },
    {
      sql: `UPDATE _auth_events SET ip = NULL WHERE id IN (
  SELECT e.id FROM _users u CROSS JOIN _auth_events e WHERE u.id = ?1 AND u.is_anonymous = 0 AND e.actor = ?1)`,
      params: [userId],
    },
    {
      sql: `UPDATE _users SET email = NULL, email_verified = 0, name = NULL, roles = '[]', mfa = 0, deleted_at = ?2
WHERE id = ?1`,
      params: [userId, now],
    },
  ]
}

/** The account and the anonymous ones that it has taken in: the same person. */
const FORMER_IDS = `SELECT ?1 UNION ALL
  SELECT detail ->> '$.from' FROM _auth_events WHERE user_id = ?1 AND event = 'accounts_merged'`
