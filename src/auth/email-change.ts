/** Asking for another address: it becomes the account's when its owner uses the link that is sent there. */

import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { requireAccount } from "./fresh.ts"
import { orderMail } from "./mail-orders.ts"
import { writeFresh } from "./standing.ts"
import { toUser, USER_COLUMNS, type User } from "./users.ts"

/**
 * One trip. An address that another account has gets a mail that says so; the answer is the same.
 *
 * @returns The account as it still is.
 * @throws SelvedgeError `reauthentication_required` when the sign-in was too long ago, or `rate_limited`.
 */
export async function askEmailChange(context: AuthContext, email: string): Promise<User> {
  const { userId, sessionId } = requireAccount(context)
  await context.guessing.count("mail", email)
  const payload = { email, sessionId }
  const mail = orderMail(context, "change-email", { to: email, userId, subject: userId, payload })
  const rows = await writeFresh(context, [
    ...mail.queries,
    eventQuery(context, { event: "email_change_asked", userId }),
    { sql: `SELECT ${USER_COLUMNS} FROM _users u WHERE u.id = ?`, params: [userId] },
  ])
  mail.committed()
  return toUser(rows.at(-1)![0]!)
}
