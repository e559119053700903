/** Adding a passkey to an account, and signing in with one. */

import { SelvedgeError, validationFailed } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { requireAccount } from "./fresh.ts"
import { hashOf, mint, redeemQuery } from "./one-time.ts"
import { PASSKEY_COLUMNS, type Passkey, toPasskey } from "./own-passkeys.ts"
import {
  type Assertion,
  type AssertionAnswer,
  creationOptions,
  type NewPasskey,
  type RegistrationAnswer,
  type RelyingParty,
  readChallenge,
  requestOptions,
  verifyAssertion,
  verifyRegistration,
} from "./passkeys.ts"
import { type SignedIn, signIn } from "./sign-in.ts"
import { writeFresh } from "./standing.ts"
import { deviceOf } from "./user-agent.ts"

/** Of one user; each sign-in list of a browser shows them all. */
const MOST_PASSKEYS = 50

/** @throws SelvedgeError `reauthentication_required` when the session is not fresh. */
export async function askRegistration(context: AuthContext, party: RelyingParty) {
  const { userId } = requireAccount(context)
  const { secret, queries } = mint(context.now(), { purpose: "passkey-registration", userId })
  const rows = await writeFresh(context, [
    { sql: "SELECT email, name FROM _users WHERE id = ?", params: [userId] },
    { sql: "SELECT id, transports FROM _passkeys WHERE user_id = ? ORDER BY created_at", params: [userId] },
    ...queries,
  ])
  const { email, name } = rows[0]![0] as { email: string | null; name: string | null }
  const passkeys = rows[1]!.map(({ id, transports }) => ({
    id: id as string,
    transports: JSON.parse(transports as string) as string[],
  }))
  return creationOptions(party, { userId, email, name, passkeys }, secret)
}

/**
 * One trip: the challenge is taken in the batch that stores the passkey.
 *
 * @throws SelvedgeError `validation_failed` when the answer doesn't hold, `conflict` for a passkey that is known.
 */
export async function registerPasskey(
  context: AuthContext,
  party: RelyingParty,
  answer: RegistrationAnswer,
  name = deviceOf(context.client.userAgent ?? null),
): Promise<Passkey> {
  const { userId } = requireAccount(context)
  const challenge = readChallenge(answer.response.clientDataJSON) ?? ""
  const passkey = await verifyRegistration(party, answer, challenge)
  if (!passkey) throw refuseRegistration(context)
  try {
    const rows = await writeFresh(context, [
      ...takeChallenge(challenge, userId, context.now()),
      guard("SELECT 'too_many' WHERE (SELECT count(*) FROM _passkeys WHERE user_id = ?) >= ?", [userId, MOST_PASSKEYS]),
      insertPasskey(userId, passkey, name, context.now()),
      eventQuery(context, { event: "factor_added", userId, detail: { method: "passkey", passkey: passkey.id } }),
    ])
    return toPasskey(rows.at(-2)![0]!)
  } catch (error) {
    throw explainRegistration(context, error)
  }
}

/** Another user's challenge stays where it is. */
function takeChallenge(challenge: string, userId: string, now: number): Query[] {
  return [
    guard(
      `SELECT 'no_challenge' WHERE NOT EXISTS (SELECT 1 FROM _one_time
  WHERE purpose = 'passkey-registration' AND hash = ? AND user_id = ? AND expires_at > ?)`,
      [hashOf("passkey-registration", challenge), userId, now],
    ),
    redeemQuery("passkey-registration", challenge, now),
  ]
}

function insertPasskey(userId: string, passkey: NewPasskey, name: string, now: number): Query {
  const { id, publicKey, counter, transports, backedUp, aaguid } = passkey
  return {
    sql: `INSERT INTO _passkeys (id, user_id, public_key, counter, transports, backed_up, aaguid, name, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING ${PASSKEY_COLUMNS}`,
    params: [id, userId, publicKey, counter, JSON.stringify(transports), backedUp ? 1 : 0, aaguid, name, now],
  }
}

function explainRegistration(context: AuthContext, error: unknown): unknown {
  const failure = readFailure(error)
  if (failure.kind === "unique")
    return new SelvedgeError("conflict", "This passkey is registered already.", { cause: error })
  if (failure.kind !== "guard") return error
  if (failure.code === "no_challenge") return refuseRegistration(context, error)
  if (failure.code === "too_many")
    return new SelvedgeError("conflict", `There may be ${MOST_PASSKEYS} passkeys; remove one first.`, { cause: error })
  return error
}

function refuseRegistration(context: AuthContext, cause?: unknown): SelvedgeError {
  const { id: userId } = context.caller
  context.writeLater([
    eventQuery(context, { event: "factor_added", userId, result: "refused", detail: { method: "passkey" } }),
  ])
  const message = "is no valid answer to a challenge of the last minutes"
  const { errors } = validationFailed([{ pointer: "/response", code: "invalid_value", message }])
  return new SelvedgeError("validation_failed", "The passkey was not accepted.", { errors: errors!, cause })
}

export async function askSignIn(context: AuthContext, party: RelyingParty) {
  await context.guessing.count("start")
  const { secret, queries } = mint(context.now(), { purpose: "passkey-sign-in" })
  await context.db.write(queries)
  return requestOptions(party, secret)
}

/**
 * Two trips. A passkey that made sure of the person is two factors; one that didn't is the first.
 *
 * @throws SelvedgeError `invalid_credentials` or `rate_limited`
 */
export function signInWithPasskey(
  context: AuthContext,
  party: RelyingParty,
  answer: AssertionAnswer,
): Promise<SignedIn> {
  return context.guessing.guess("passkey", undefined, async () => {
    return { ok: true, value: await acceptPasskey(context, party, answer) }
  })
}

async function acceptPasskey(context: AuthContext, party: RelyingParty, answer: AssertionAnswer): Promise<SignedIn> {
  const challenge = readChallenge(answer.response.clientDataJSON) ?? ""
  const [taken, found] = await context.db.write([
    redeemQuery("passkey-sign-in", challenge, context.now()),
    {
      sql: `SELECT p.user_id AS "userId", p.public_key AS "publicKey"
FROM _passkeys p JOIN _users u ON u.id = p.user_id WHERE p.id = ? AND u.deleted_at IS NULL`,
      params: [answer.id],
    },
  ])
  const key = found![0] as { userId: string; publicKey: string } | undefined
  if (!taken![0]) throw refuseSignIn(context, key?.userId, "challenge")
  if (!key) throw refuseSignIn(context, undefined, "unknown")
  const assertion = await verifyAssertion(party, answer, challenge, key)
  if (!assertion) throw refuseSignIn(context, key.userId, "assertion")
  const proof = { userId: key.userId, amr: methodsOf(assertion), aal: assertion.userVerified ? 2 : 1 } as const
  try {
    return await signIn(context, proof, { before: usePasskey(answer.id, assertion, context.now()) })
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind !== "guard" || failure.code !== "old_counter") throw error
    throw refuseSignIn(context, key.userId, "counter")
  }
}

/** RFC 8176: a key that stays in its device or one that is synced, somebody present, and whether it knew the person. */
function methodsOf({ isSynced, userVerified }: Assertion): string[] {
  return [isSynced ? "swk" : "hwk", "user", ...(userVerified ? ["mfa"] : [])]
}

/** A counter that stands still or goes back tells of a copied key; one that is always 0 tells nothing. */
function usePasskey(id: string, { counter, backedUp }: Assertion, now: number): Query[] {
  return [
    {
      sql: `UPDATE _passkeys SET counter = ?1, backed_up = ?2, last_used_at = ?3
WHERE id = ?4 AND (counter < ?1 OR (counter = 0 AND ?1 = 0))`,
      params: [counter, backedUp ? 1 : 0, now, id],
    },
    guard("SELECT 'old_counter' WHERE changes() = 0", []),
  ]
}

type SignInRefusal = "challenge" | "unknown" | "assertion" | "counter"

/** The audit knows the reason, the answer doesn't. What concerns no account isn't noted: anybody can make it up. */
function refuseSignIn(context: AuthContext, userId: string | undefined, reason: SignInRefusal): SelvedgeError {
  const detail = { method: "passkey", reason }
  if (userId) context.writeLater([eventQuery(context, { event: "sign_in", userId, result: "refused", detail })])
  return new SelvedgeError("invalid_credentials", "The passkey was not accepted.")
}
