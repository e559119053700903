/** The proof of an address by the token of a mail: for an account, for its new address, or for a sign-up that waits. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { requireSession } from "./fresh.ts"
import { orderMail } from "./mail-orders.ts"
import { hashOf, refuseSecret, takeQueries } from "./one-time.ts"
import { dropAdded, proveEmail } from "./prove-email.ts"
import { addressTaken, openAccount, orderVerification } from "./sign-up.ts"
import { writeStanding } from "./standing.ts"
import { toUser, USER_COLUMNS, type User } from "./users.ts"

/** Of an account that has the address, or is to have it. */
interface AddressPayload {
  readonly email: string
  /** The session that asked for another address. */
  readonly sessionId?: string
}

/** Of an account that comes into being by the proof. */
interface SignUpPayload {
  readonly email: string
  readonly name: string | null
  readonly hash: string
  readonly anonymousId?: string
}

interface Found {
  readonly linkHash: string
  readonly userId: string | null
  readonly payload: AddressPayload | { readonly signUp: SignUpPayload }
  /** The address that the account has now. */
  readonly formerEmail: string | null
  /** Who has the address of the sign-up by now. */
  readonly ownerId: string | null
  readonly isProved: boolean
}

export interface Verified {
  readonly user: User
  /** Of an account that has just come into being, whose password might have been another person's. */
  readonly needsPassword: boolean
}

/**
 * Two trips. The token is used up only by success.
 *
 * @throws SelvedgeError `invalid_credentials`, or `conflict` when the address has gone to another account meanwhile.
 */
export async function verifyEmail(context: AuthContext, token: string): Promise<Verified> {
  const found = await find(context, token)
  const { userId, payload } = found
  const take = takeQueries("verify-email", token, context.now())
  try {
    if ("signUp" in payload) return await completeSignUp(context, take, payload.signUp, found)
    const user = await setAddress(context, take, { ...payload, userId: userId!, formerEmail: found.formerEmail })
    return { user, needsPassword: false }
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind === "unique" || (failure.kind === "guard" && failure.code === "proved_account"))
      throw addressTaken(error)
    if (failure.kind === "guard" && failure.code === "used_secret") throw refuseSecret("token", error)
    throw error
  }
}

async function find({ db, now }: AuthContext, token: string): Promise<Found> {
  const linkHash = hashOf("verify-email", token)
  const [rows] = await db.write([
    {
      sql: `SELECT o.user_id AS "userId", o.payload, own.email AS "formerEmail", other.id AS "ownerId",
  other.email_verified AS "isProved"
FROM _one_time o LEFT JOIN _users own ON own.id = o.user_id
LEFT JOIN _users other ON other.email = o.payload ->> '$.signUp.email'
WHERE o.purpose = 'verify-email' AND o.hash = ? AND o.expires_at > ?`,
      params: [linkHash, now()],
    },
  ])
  const row = rows![0]
  if (!row) throw refuseSecret("token")
  return {
    linkHash,
    userId: row.userId as string | null,
    payload: JSON.parse(row.payload as string),
    formerEmail: row.formerEmail as string | null,
    ownerId: row.ownerId as string | null,
    isProved: row.isProved === 1,
  }
}

/**
 * The password stays: the mail says that an account was made, and tells whoever didn't make it to leave the link alone.
 * So the one who uses it is the one who chose the password; were it dropped, nobody could sign in after signing up.
 */
async function setAddress(
  context: AuthContext,
  take: readonly Query[],
  change: AddressPayload & { userId: string; formerEmail: string | null },
): Promise<User> {
  const { userId, email, sessionId, formerEmail } = change
  const isChange = email !== formerEmail
  const notice =
    isChange && formerEmail !== null ? orderMail(context, "email-changed", { to: formerEmail, userId }) : undefined
  const rows = await context.db.write([
    ...take,
    ...(sessionId === undefined ? [] : [askerStands(sessionId)]),
    ...dropAdded(context, userId),
    { sql: "UPDATE _users SET email = ?, email_verified = 1 WHERE id = ?", params: [email, userId] },
    eventQuery(context, { event: isChange ? "email_changed" : "email_verified", userId }),
    // what was sent to the former address
    {
      sql: "DELETE FROM _one_time WHERE user_id = ? AND purpose IN ('reset-password', 'invite') AND ?",
      params: [userId, isChange ? 1 : 0],
    },
    ...(notice?.queries ?? []),
    userRow(userId),
  ])
  notice?.committed()
  return toUser(rows.at(-1)![0]!)
}

/** Whoever ends a session also ends the change of address that it asked for. */
function askerStands(sessionId: string): Query {
  return guard("SELECT 'used_secret' WHERE NOT EXISTS (SELECT 1 FROM _sessions WHERE id = ? AND revoked_at IS NULL)", [
    sessionId,
  ])
}

/**
 * An account that has got the address meanwhile, without a proof, goes to the one who has the proof. While several
 * sign-ups wait for one address, nobody can tell whose link was used, so no password of theirs gets in.
 */
async function completeSignUp(
  context: AuthContext,
  take: readonly Query[],
  { email, name, hash, anonymousId }: SignUpPayload,
  found: Found,
): Promise<Verified> {
  const { ownerId, isProved } = found
  if (ownerId !== null && isProved) throw addressTaken()
  const now = context.now()
  const account =
    ownerId === null
      ? openAccount(context, { email, emailVerified: true, name }, anonymousId)
      : { id: ownerId, queries: takeOver(ownerId, name, now) }
  const queries = [
    insertOnlyPassword(account.id, hash, email, found.linkHash, now),
    { sql: `DELETE FROM _one_time WHERE ${SIGN_UPS}`, params: [email] },
    { sql: "SELECT 1 FROM _passwords WHERE user_id = ?", params: [account.id] },
    eventQuery(context, { event: "email_verified", userId: account.id }),
    userRow(account.id),
  ]
  try {
    const rows = await context.db.write([...take, ...account.queries, ...queries])
    return { user: toUser(rows.at(-1)![0]!), needsPassword: rows.at(-3)!.length === 0 }
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind !== "guard" || failure.code !== "not_anonymous") throw error
    return completeSignUp(context, take, { email, name, hash }, found)
  }
}

/** Those that wait for an address. */
const SIGN_UPS = "purpose = 'verify-email' AND subject = ?"

/** The link that is used is gone by then; the order that it was mailed for may still be there, and is no other sign-up. */
function insertOnlyPassword(userId: string, hash: string, email: string, linkHash: string, now: number): Query {
  return {
    sql: `INSERT INTO _passwords (user_id, hash, updated_at)
SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM _one_time WHERE ${SIGN_UPS} AND payload ->> '$.minted.hash' IS NOT ? AND expires_at > ?)`,
    params: [userId, hash, now, email, linkHash, now],
  }
}

function takeOver(userId: string, name: string | null, now: number): Query[] {
  return [
    ...proveEmail(userId, now),
    guard("SELECT 'proved_account' WHERE changes() = 0", []),
    { sql: "UPDATE _users SET name = ? WHERE id = ?", params: [name, userId] },
  ]
}

function userRow(userId: string): Query {
  return { sql: `SELECT ${USER_COLUMNS} FROM _users u WHERE u.id = ?`, params: [userId] }
}

/**
 * Sends the mail of the sign-up again.
 *
 * @throws SelvedgeError `conflict` when there is nothing to prove.
 */
export async function askVerification(context: AuthContext): Promise<void> {
  requireSession(context)
  const userId = context.caller.id
  const [rows] = await writeStanding(context, [userRow(userId)])
  const { email, emailVerified } = toUser(rows![0]!)
  if (email === null) throw new SelvedgeError("conflict", "This account has no address.")
  if (emailVerified) throw new SelvedgeError("conflict", "The address is confirmed already.")
  await context.guessing.count("mail", email)
  const mail = orderVerification(context, userId, email)
  await context.db.write(mail.queries)
  mail.committed()
}
