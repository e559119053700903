/** What admins do to accounts. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query, ResultRow } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { endSessions } from "./sessions.ts"
import { STANDS, toUser, USER_COLUMNS, type User } from "./users.ts"

/** A ban without an end: the last millisecond that four digits of a year can say. */
export const FOREVER = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** An account as admins see it. */
export interface ManagedUser extends User {
  readonly banned: boolean
}

/** The columns that {@link toManagedUser} reads, of `_users AS u`; `id` is for paging. */
export const MANAGED_COLUMNS = `u.id, ${USER_COLUMNS}, u.banned_until AS "bannedUntil"`

export function toManagedUser(row: ResultRow, now: number): ManagedUser {
  return { ...toUser(row), banned: ((row.bannedUntil as number | null) ?? 0) > now }
}

export interface AccountChange {
  readonly roles?: readonly string[] | undefined
  readonly banned?: boolean | undefined
}

/**
 * Changes roles or a ban; a ban ends all sessions. Roles reach access tokens with the next refresh.
 *
 * @throws SelvedgeError `not_found`, or `conflict` where nobody would be left to administer.
 */
export async function changeAccount(context: AuthContext, id: string, change: AccountChange): Promise<ManagedUser> {
  const now = context.now()
  const { roles, banned } = change
  try {
    const rows = await context.db.write([
      ...(banned || (roles && !roles.includes("admin")) ? [adminRemains(id, now)] : []),
      ...(roles || banned !== undefined ? changeQueries(context, id, change) : []),
      ...(banned ? [endSessions(id, now)] : []),
      { sql: `SELECT ${MANAGED_COLUMNS} FROM _users u WHERE u.id = ? AND u.deleted_at IS NULL`, params: [id] },
    ])
    const row = rows.at(-1)![0]
    if (!row) throw new SelvedgeError("not_found", "There is no such account.")
    return toManagedUser(row, now)
  } catch (error) {
    throw explainAdministration(error)
  }
}

/** The change and its line in the audit; neither where there is no such account. */
function changeQueries(context: AuthContext, userId: string, { roles, banned }: AccountChange): Query[] {
  const bannedUntil = banned ? FOREVER : null
  return [
    {
      sql: `UPDATE _users SET roles = coalesce(?, roles), banned_until = iif(?, ?, banned_until)
WHERE id = ? AND deleted_at IS NULL`,
      params: [roles ? JSON.stringify(roles) : null, banned === undefined ? 0 : 1, bannedUntil, userId],
    },
    eventQuery(
      context,
      {
        event: "account_changed",
        userId,
        detail: { ...(roles && { roles: roles.join(" ") }), ...(banned !== undefined && { banned }) },
      },
      "changes() = 1",
    ),
  ]
}

/** @throws SelvedgeError `not_found` */
export async function endAllSessions(context: AuthContext, id: string): Promise<void> {
  const rows = await context.db.write([
    endSessions(id, context.now()),
    eventQuery(context, { event: "session_ended", userId: id, detail: { all: true } }, "changes() > 0"),
    { sql: "SELECT 1 FROM _users WHERE id = ? AND deleted_at IS NULL", params: [id] },
  ])
  if (rows.at(-1)!.length === 0) throw new SelvedgeError("not_found", "There is no such account.")
}

/** Aborts the batch when this account is the only one that can administer, so that it may not lose that. */
export function adminRemains(id: string, now: number): Query {
  const isAdmin = `${STANDS.replace("?", "?2")} AND EXISTS (SELECT 1 FROM json_each(u.roles) WHERE value = 'admin')`
  return guard(
    `SELECT 'last_admin' FROM _users u WHERE u.id = ?1 AND ${isAdmin}
  AND NOT EXISTS (SELECT 1 FROM _users u WHERE u.id <> ?1 AND ${isAdmin})`,
    [id, now],
  )
}

/** What an aborted batch means; anything but a guard of this file comes back as it was. */
export function explainAdministration(error: unknown): unknown {
  const failure = readFailure(error)
  if (failure.kind !== "guard" || failure.code !== "last_admin") return error
  return new SelvedgeError("conflict", "The last admin can't be removed; make another one first.", { cause: error })
}
