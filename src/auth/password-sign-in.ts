/** Sign-in with e-mail and password: the same work, and the same answer, whether or not the address has an account. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { type SignedIn, signIn } from "./sign-in.ts"
import { insertPassword } from "./sign-up.ts"

/**
 * A password that was changed while it was being checked opens no session: it is checked once more, since the change
 * may have been no more than a new hash of the same one.
 *
 * @throws SelvedgeError `invalid_credentials` or `rate_limited`
 */
export async function signInWithPassword(
  context: AuthContext,
  email: string,
  password: string,
  isRepeat = false,
): Promise<SignedIn> {
  const found = await context.guessing.guess("signIn", email, async () => {
    const checked = await checkPasswordOf(context, email, password)
    return { ok: checked.matches, value: checked }
  })
  if (!found.matches) throw refuse(context, found.userId)
  const { userId, hash, outdated } = found
  const rehashed = outdated ? [insertPassword(userId, await context.passwords.hash(password), context.now())] : []
  const before = [stillStored(userId, hash), ...rehashed]
  try {
    return await signIn(context, { userId, amr: ["pwd"], aal: 1 }, { before })
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind !== "guard" || failure.code !== "password_changed") throw error
    if (isRepeat) throw refuse(context, userId)
    return signInWithPassword(context, email, password, true)
  }
}

function stillStored(userId: string, hash: string): Query {
  return guard("SELECT 'password_changed' WHERE NOT EXISTS (SELECT 1 FROM _passwords WHERE user_id = ? AND hash = ?)", [
    userId,
    hash,
  ])
}

function refuse(context: AuthContext, userId: string | null): SelvedgeError {
  context.writeLater([eventQuery(context, { event: "sign_in", userId, result: "refused", detail: { method: "pwd" } })])
  return new SelvedgeError("invalid_credentials", "The e-mail address or the password is not right.")
}

type Checked =
  | { readonly matches: true; readonly userId: string; readonly hash: string; readonly outdated: boolean }
  | { readonly matches: false; readonly userId: string | null }

async function checkPasswordOf({ db, passwords }: AuthContext, email: string, password: string): Promise<Checked> {
  const [rows] = await db.write([
    {
      sql: `SELECT u.id AS "userId", p.hash FROM _users u LEFT JOIN _passwords p ON p.user_id = u.id
WHERE u.email = ? AND u.deleted_at IS NULL`,
      params: [email],
    },
  ])
  const row = rows![0] as { userId: string; hash: string | null } | undefined
  if (!row?.hash) {
    await passwords.verifyNothing(password)
    return { matches: false, userId: row?.userId ?? null }
  }
  const { matches, outdated } = await passwords.verify(password, row.hash)
  return matches ? { matches, userId: row.userId, hash: row.hash, outdated } : { matches, userId: row.userId }
}
