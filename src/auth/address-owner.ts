/** Signing in whoever has shown that an e-mail address is theirs: to its account, or to a new one. */

import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { anonymousCaller } from "./anonymous.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { proveEmail } from "./prove-email.ts"
import { type SignedIn, signIn } from "./sign-in.ts"
import { openAccount } from "./sign-up.ts"

export interface AddressOwner {
  readonly email: string
  /** The account that has the address, where there is one. */
  readonly userId: string | undefined
}

export function ownerQuery(email: string): Query {
  return { sql: 'SELECT id AS "userId" FROM _users WHERE email = ?', params: [email] }
}

export function readOwner(email: string, row: ResultRow | undefined): AddressOwner {
  return { email, userId: row?.userId as string | undefined }
}

/**
 * One trip. A new account is the anonymous caller's own, which keeps its id, where there is such a caller.
 *
 * @param before Statements that use up the proof, in the same batch.
 */
export async function signInOwner(
  context: AuthContext,
  { email, userId }: AddressOwner,
  method: string,
  before: readonly Query[] = [],
): Promise<SignedIn> {
  if (userId === undefined) return signUpOwner(context, email, method, before, anonymousCaller(context))
  const proof = { userId, amr: [method], aal: 1 } as const
  try {
    return await signIn(context, proof, {
      before: [...before, stillOwner(userId, email), ...proveEmailNoted(context, userId, method)],
    })
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind !== "guard" || failure.code !== "moved") throw error
    return signInOwner(context, await findOwner(context, email), method, before)
  }
}

/** Aborts the batch with `moved` when the account has another address by now, or was deleted. */
export function stillOwner(userId: string, email: string): Query {
  return guard("SELECT 'moved' WHERE NOT EXISTS (SELECT 1 FROM _users WHERE id = ? AND email = ?)", [userId, email])
}

/** The proof of an address, and its line in the audit. */
export function proveEmailNoted(context: AuthContext, userId: string, method: string): Query[] {
  return [
    ...proveEmail(userId, context.now()),
    eventQuery(context, { event: "email_verified", userId, detail: { method } }, "changes() = 1"),
  ]
}

async function signUpOwner(
  context: AuthContext,
  email: string,
  method: string,
  before: readonly Query[],
  anonymousId: string | undefined,
): Promise<SignedIn> {
  const account = openAccount(context, { email, emailVerified: true, name: null }, anonymousId)
  const proof = { userId: account.id, amr: [method], aal: 1 } as const
  try {
    return await signIn(context, proof, {
      event: "sign_up",
      mergeFrom: account.id,
      before: [...before, ...account.queries],
    })
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind === "guard" && failure.code === "not_anonymous")
      return signUpOwner(context, email, method, before, undefined)
    if (failure.kind !== "unique") throw error
    return signInOwner(context, await findOwner(context, email), method, before)
  }
}

async function findOwner({ db }: AuthContext, email: string): Promise<AddressOwner> {
  const [rows] = await db.write([ownerQuery(email)])
  return readOwner(email, rows![0])
}
