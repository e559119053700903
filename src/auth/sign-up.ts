/** Accounts with a password, and accounts without any credential. */

import { SelvedgeError, validationFailed } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import type { Query } from "../db/query.ts"
import { anonymousCaller, requireAnonymous } from "./anonymous.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { type Order, orderMail } from "./mail-orders.ts"
import { refusePassword } from "./password-rules.ts"
import { proveEmail } from "./prove-email.ts"
import { endSessions } from "./sessions.ts"
import { type SignedIn, signIn } from "./sign-in.ts"
import { insertUser } from "./users.ts"

export interface SignUp {
  email: string
  password: string
  name?: string | undefined
}

/** @returns Undefined when the address must be proved first; nothing then tells whether it has an account. */
export async function signUp(context: AuthContext, wanted: SignUp): Promise<SignedIn | undefined> {
  checkPassword(context, wanted.password, wanted)
  await context.guessing.count("signUp")
  const hash = await context.passwords.hash(wanted.password)
  if (context.settings.password?.verifyEmail === "first") return askForProof(context, wanted, hash)
  return create(context, wanted, hash)
}

/** @throws SelvedgeError `validation_failed` with a pointer to the password. */
export function checkPassword(
  { settings, commonPasswords }: AuthContext,
  password: string,
  { email, name, pointer = "/password" }: { email?: string | null; name?: string | null | undefined; pointer?: string },
): void {
  const refusal = refusePassword(password, {
    email: email ?? "",
    name: name ?? undefined,
    projectName: settings.name,
    minLength: settings.password!.minLength,
    common: commonPasswords,
  })
  if (refusal) throw validationFailed([{ pointer, ...refusal }])
}

/**
 * The account comes into being when the link is used, with the password that was given here. A sign-up doesn't void those
 * of the same address before it, which may be another person's: the proof has to see them.
 */
async function askForProof(context: AuthContext, { email, name }: SignUp, hash: string): Promise<undefined> {
  await context.guessing.count("mail", email)
  const anonymousId = anonymousCaller(context)
  const mail = orderMail(context, "verify-email", {
    to: email,
    subject: email,
    besideOlder: true,
    payload: { signUp: { email, name: name ?? null, hash, ...(anonymousId && { anonymousId }) } },
  })
  await context.db.write([
    ...mail.queries,
    eventQuery(context, { event: "sign_up", userId: null, detail: { method: "pwd", proved: false } }),
  ])
  mail.committed()
}

async function create(context: AuthContext, { email, name }: SignUp, hash: string): Promise<SignedIn> {
  const now = context.now()
  const account = openAccount(context, { email, emailVerified: false, name: name ?? null }, anonymousCaller(context))
  const mail = orderVerification(context, account.id, email)
  try {
    const signedIn = await signIn(
      context,
      { userId: account.id, amr: ["pwd"], aal: 1 },
      {
        event: "sign_up",
        mergeFrom: account.id,
        before: [...account.queries, insertPassword(account.id, hash, now), ...mail.queries],
      },
    )
    sendWithinLimit(context, email, mail)
    return signedIn
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind === "unique") throw addressTaken(error)
    if (failure.kind === "guard" && failure.code === "not_anonymous")
      throw new SelvedgeError("conflict", "This account is no anonymous one any more.", { cause: error })
    throw error
  }
}

/** The account is there by now: what the limit refuses is the mail alone. */
function sendWithinLimit(context: AuthContext, email: string, mail: Order): void {
  const refuse = (error: unknown) => {
    context.writeLater([mail.voided])
    throw error
  }
  context.later(context.guessing.count("mail", email).then(mail.committed, refuse))
}

/**
 * A new account, or the anonymous one that becomes it and keeps its id.
 *
 * @param anonymousId The batch stops with the guard `not_anonymous` when it is none (any more).
 */
export function openAccount(
  context: AuthContext,
  user: { email: string | null; emailVerified: boolean; name: string | null },
  anonymousId: string | undefined,
): { id: string; queries: readonly Query[] } {
  const now = context.now()
  if (!anonymousId) {
    const { id, query } = insertUser(user, now)
    return { id, queries: [query] }
  }
  return {
    id: anonymousId,
    queries: [
      requireAnonymous(context, anonymousId, "not_anonymous"),
      // whoever proves the address without its token need not be who made the account, its keys and its second factor
      ...(user.emailVerified && context.caller.id !== anonymousId ? proveEmail(anonymousId, now) : []),
      {
        sql: "UPDATE _users SET email = ?, email_verified = ?, name = coalesce(?, name), is_anonymous = 0 WHERE id = ?",
        params: [user.email, user.emailVerified ? 1 : 0, user.name, anonymousId],
      },
      endSessions(anonymousId, now),
    ],
  }
}

export function insertPassword(userId: string, hash: string, now: number): Query {
  return {
    sql: `INSERT INTO _passwords (user_id, hash, updated_at) VALUES (?, ?, ?)
ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, updated_at = excluded.updated_at`,
    params: [userId, hash, now],
  }
}

/** The mail that proves the address of an account; a newer one voids it. */
export function orderVerification(context: AuthContext, userId: string, email: string): Order {
  return orderMail(context, "verify-email", { to: email, userId, subject: userId, payload: { email } })
}

export async function signUpAnonymously(context: AuthContext): Promise<SignedIn> {
  await context.guessing.count("signUp")
  const { id, query } = insertUser({ email: null, isAnonymous: true }, context.now())
  return signIn(
    context,
    { userId: id, amr: ["anonymous"], aal: 1 },
    { event: "sign_up", mergeFrom: id, before: [query] },
  )
}

export function addressTaken(cause?: unknown): SelvedgeError {
  return new SelvedgeError("conflict", "This address has an account already.", {
    errors: [{ pointer: "/email", code: "conflict", message: "has an account already" }],
    cause,
  })
}
