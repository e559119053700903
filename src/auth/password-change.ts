/** A new password for one who is signed in and knows the old one. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { explainSession, requireSession, standingSession } from "./fresh.ts"
import { newPasswordQueries } from "./new-password.ts"
import { checkPassword } from "./sign-up.ts"
import { writeStanding } from "./standing.ts"
import { toUser, USER_COLUMNS, type User } from "./users.ts"

interface Own {
  readonly email: string | null
  readonly name: string | null
  readonly hash: string | null
}

/**
 * Two trips. All other sessions end: one of them may be the reason.
 *
 * @throws SelvedgeError `invalid_credentials`, `rate_limited` or `validation_failed`; `conflict` without a password.
 */
export async function changePassword(context: AuthContext, current: string, password: string): Promise<User> {
  const { id: sessionId } = requireSession(context)
  const userId = context.caller.id
  const { email, name, hash } = await readOwn(context)
  if (hash === null) throw new SelvedgeError("conflict", "This account has no password yet: ask for one by mail.")
  checkPassword(context, password, { email, name })
  await requireCurrent(context, email ?? userId, current, hash)
  const newHash = await context.passwords.hash(password)
  const notice = email === null ? undefined : context.mailJob({ purpose: "password-changed", userId })
  try {
    const rows = await context.db.write([
      standingSession(context),
      guard("SELECT 'password_replaced' WHERE NOT EXISTS (SELECT 1 FROM _passwords WHERE user_id = ? AND hash = ?)", [
        userId,
        hash,
      ]),
      ...newPasswordQueries({ userId, email }, newHash, context.now(), sessionId),
      eventQuery(context, { event: "password_changed", userId }),
      ...(notice ? [notice.toSQL()] : []),
      { sql: `SELECT ${USER_COLUMNS} FROM _users u WHERE u.id = ?`, params: [userId] },
    ])
    notice?.committed()
    return toUser(rows.at(-1)![0]!)
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind !== "guard" || failure.code !== "password_replaced") throw explainSession(error)
    throw new SelvedgeError("conflict", "Another request has changed the password meanwhile.", { cause: error })
  }
}

async function readOwn(context: AuthContext): Promise<Own> {
  const [rows] = await writeStanding(context, [
    {
      sql: "SELECT u.email, u.name, p.hash FROM _users u LEFT JOIN _passwords p ON p.user_id = u.id WHERE u.id = ?",
      params: [context.caller.id],
    },
  ])
  return rows![0] as unknown as Own
}

/** Counted with the guesses at sign-in: a stolen session is no way to more of them. */
async function requireCurrent(context: AuthContext, account: string, current: string, hash: string): Promise<void> {
  const isRight = await context.guessing.guess("signIn", account, async () => {
    const { matches } = await context.passwords.verify(current, hash)
    return { ok: matches, value: matches }
  })
  if (isRight) return
  const { id: userId } = context.caller
  context.writeLater([eventQuery(context, { event: "password_changed", userId, result: "refused" })])
  throw new SelvedgeError("invalid_credentials", "The current password is not right.", {
    errors: [{ pointer: "/currentPassword", code: "invalid_value", message: "is not right" }],
  })
}
