/** Sign-in with e-mail and password: the same work, and the same answer, whether or not the address has an account. */

import { SelvedgeError } from "../core/problem.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { type SignedIn, signIn } from "./sign-in.ts"
import { insertPassword } from "./sign-up.ts"

/** @throws SelvedgeError `invalid_credentials` or `rate_limited` */
export async function signInWithPassword(context: AuthContext, email: string, password: string): Promise<SignedIn> {
  const found = await context.guessing.guess("signIn", email, async () => {
    const checked = await checkPasswordOf(context, email, password)
    return { ok: checked.matches, value: checked }
  })
  if (!found.matches) {
    const { userId } = found
    context.writeLater([
      eventQuery(context, { event: "sign_in", userId, result: "refused", detail: { method: "pwd" } }),
    ])
    throw new SelvedgeError("invalid_credentials", "The e-mail address or the password is not right.")
  }
  const { userId, outdated } = found
  const rehashed = outdated ? [insertPassword(userId, await context.passwords.hash(password), context.now())] : []
  return signIn(context, { userId, amr: ["pwd"], aal: 1 }, { before: rehashed })
}

type Checked =
  | { readonly matches: true; readonly userId: string; readonly outdated: boolean }
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
  return matches ? { matches, userId: row.userId, outdated } : { matches, userId: row.userId }
}
