/** The second step of a sign-in: a ticket of the first, and a code of an authenticator or a recovery code. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { hashOf, readRedeemed, redeemQuery } from "./one-time.ts"
import { useRecoveryCode } from "./recovery-codes.ts"
import { type SignedIn, signIn } from "./sign-in.ts"
import { openSeed, stepOf } from "./totp.ts"

/** Wrong codes after which a ticket is dead. */
const MOST_TRIES = 5

export interface SecondStep {
  readonly ticket: string
  readonly method: "totp" | "recovery"
  readonly code: string
}

interface Ticket {
  readonly userId: string
  readonly amr: readonly string[]
  readonly mergeFrom: string | undefined
  /** With this one. */
  readonly tries: number
  /** The authenticator's seed, sealed. */
  readonly sealed: string | undefined
}

/** RFC 8176 has no name for a recovery code. */
const AMR = { totp: "otp", recovery: "recovery" } as const

/**
 * Wrong codes of an authenticator lock it for a while, for the whole account; recovery codes can't be guessed.
 *
 * @throws SelvedgeError `invalid_credentials` or `rate_limited`
 */
export async function signInWithSecondFactor(context: AuthContext, step: SecondStep): Promise<SignedIn> {
  const ticket = await countTry(context, step.ticket)
  if (!ticket) throw refuseTicket()
  if (ticket.tries > MOST_TRIES) {
    if (ticket.tries === MOST_TRIES + 1) noteRefusal(context, ticket, step, "ticket is dead")
    throw refuseTicket()
  }
  const signedIn = await prove(context, ticket, step)
  if (signedIn) return signedIn
  noteRefusal(context, ticket, step, "wrong code")
  throw new SelvedgeError("invalid_credentials", "The code is not right, or was used before.", {
    errors: [{ pointer: "/code", code: "invalid_value", message: "is not right, or was used before" }],
  })
}

/** Counts before anything is compared, so that of many tries at once no more than the limit are. */
async function countTry({ db, now }: AuthContext, secret: string): Promise<Ticket | undefined> {
  const hash = hashOf("mfa", secret)
  const [tickets, totps] = await db.write([
    {
      sql: `UPDATE _one_time SET attempts = attempts + 1 WHERE purpose = 'mfa' AND hash = ? AND expires_at > ?
RETURNING user_id AS "userId", payload, attempts`,
      params: [hash, now()],
    },
    {
      sql: `SELECT t.secret FROM _one_time o JOIN _totps t ON t.user_id = o.user_id
WHERE o.purpose = 'mfa' AND o.hash = ? AND t.confirmed_at IS NOT NULL`,
      params: [hash],
    },
  ])
  const row = tickets![0]
  const redeemed = readRedeemed(row)
  if (!row || !redeemed?.userId) return undefined
  const { amr, mergeFrom } = redeemed.payload as { amr: string[]; mergeFrom?: string }
  const sealed = totps![0]?.secret as string | undefined
  return { userId: redeemed.userId, amr, mergeFrom, tries: row.attempts as number, sealed }
}

/** @returns Undefined for a wrong code. */
async function prove(context: AuthContext, ticket: Ticket, step: SecondStep): Promise<SignedIn | undefined> {
  if (step.method === "totp") {
    return context.guessing.guess("secondFactor", ticket.userId, async () => {
      const taken = await takeStep(context, ticket, step.code)
      const value = taken && (await finish(context, ticket, step, taken))
      return { ok: value !== undefined, value }
    })
  }
  const signedIn = await finish(context, ticket, step, useRecoveryCode(ticket.userId, step.code))
  if (signedIn) context.guessing.clear("secondFactor", ticket.userId)
  return signedIn
}

/** Takes the code's time step, and all before it, out of use; changes no row when that has happened already. */
async function takeStep(
  { secrets, now }: AuthContext,
  { userId, sealed }: Ticket,
  code: string,
): Promise<Query | undefined> {
  if (!sealed) return undefined
  const { seed, resealed } = await openSeed(secrets, userId, sealed)
  const step = stepOf(seed, code, now())
  if (step === undefined) return undefined
  return {
    sql: "UPDATE _totps SET last_step = ?1, secret = ?2 WHERE user_id = ?3 AND secret = ?4 AND last_step < ?1",
    params: [step, resealed ?? sealed, userId, sealed],
  }
}

/** Of parallel tries with the same ticket, or the same code, one alone gets through: both are used up by the sign-in. */
async function finish(
  context: AuthContext,
  { userId, amr, mergeFrom }: Ticket,
  { ticket, method }: SecondStep,
  takeCode: Query,
): Promise<SignedIn | undefined> {
  const before = [
    redeemQuery("mfa", ticket, context.now()),
    guard("SELECT 'used_ticket' WHERE changes() = 0", []),
    takeCode,
    guard("SELECT 'wrong_code' WHERE changes() = 0", []),
  ]
  try {
    return await signIn(context, { userId, amr: [...amr, AMR[method]], aal: 2 }, { before, mergeFrom })
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind !== "guard") throw error
    if (failure.code === "wrong_code") return undefined
    throw failure.code === "used_ticket" ? refuseTicket(error) : error
  }
}

function noteRefusal(context: AuthContext, { userId }: Ticket, { method }: SecondStep, reason: string): void {
  const detail = { method: AMR[method], reason }
  context.writeLater([eventQuery(context, { event: "sign_in", userId, result: "refused", detail })])
}

function refuseTicket(cause?: unknown): SelvedgeError {
  return new SelvedgeError("invalid_credentials", "The ticket is not valid any more: sign in again.", {
    errors: [{ pointer: "/ticket", code: "invalid_value", message: "is not valid any more" }],
    cause,
  })
}
