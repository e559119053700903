/** A new password for one who has forgotten the old one, or was invited and has none yet, by the token of a mail. */

import { readFailure } from "../db/errors.ts"
import { proveEmailNoted } from "./address-owner.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { orderReset } from "./mail-orders.ts"
import { newPasswordQueries } from "./new-password.ts"
import { hashOf, refuseSecret, takeQueries } from "./one-time.ts"
import { checkPassword } from "./sign-up.ts"
import { STANDS, toUser, USER_COLUMNS, type User } from "./users.ts"

/** One trip, and the same answer, whether or not the address is known; only a known one gets a mail. */
export async function mailReset(context: AuthContext, email: string): Promise<void> {
  await context.guessing.count("mail", email)
  const mail = orderReset(context, email)
  const rows = await context.db.write(mail.queries)
  mail.committed()
  const userId = rows.at(-1)![0]?.userId as string | undefined
  if (userId !== undefined) context.writeLater([eventQuery(context, { event: "password_reset_asked", userId })])
}

/**
 * Two trips. It gives no session: whoever has a second factor is asked for it at the next sign-in. A password that is
 * refused leaves the token as it is.
 *
 * @throws SelvedgeError `invalid_credentials` for the token, `validation_failed` for the password.
 */
export async function resetPassword(context: AuthContext, token: string, password: string): Promise<User> {
  const { purpose, userId, email, name } = await find(context, token)
  checkPassword(context, password, { email, name })
  const hash = await context.passwords.hash(password)
  const now = context.now()
  const notice = email === null ? undefined : context.mailJob({ purpose: "password-changed", userId })
  try {
    const rows = await context.db.write([
      ...takeQueries(purpose, token, now),
      ...proveEmailNoted(context, userId, purpose),
      ...newPasswordQueries({ userId, email }, hash, now),
      eventQuery(context, { event: "password_reset", userId }),
      ...(notice ? [notice.toSQL()] : []),
      { sql: `SELECT ${USER_COLUMNS} FROM _users u WHERE u.id = ?`, params: [userId] },
    ])
    notice?.committed()
    if (email !== null) welcomeOwner(context, email)
    return toUser(rows.at(-1)![0]!)
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind === "guard" && failure.code === "used_secret") throw refuseSecret("token", error)
    throw error
  }
}

/** Wrong guesses, of whomever they were, don't keep the owner out any longer. */
function welcomeOwner(context: AuthContext, email: string): void {
  for (const flow of ["signIn", "emailCode"] as const) context.guessing.clear(flow, email)
}

interface Found {
  readonly purpose: "reset-password" | "invite"
  readonly userId: string
  readonly email: string | null
  readonly name: string | null
}

async function find({ db, now }: AuthContext, token: string): Promise<Found> {
  const [rows] = await db.write([
    {
      sql: `SELECT o.purpose, u.id AS "userId", u.email, u.name FROM _one_time o JOIN _users u ON u.id = o.user_id
WHERE (o.purpose, o.hash) IN (VALUES ('reset-password', ?), ('invite', ?)) AND o.expires_at > ? AND ${STANDS}`,
      params: [hashOf("reset-password", token), hashOf("invite", token), now(), now()],
    },
  ])
  const row = rows![0] as unknown as Found | undefined
  if (!row) throw refuseSecret("token")
  return row
}
