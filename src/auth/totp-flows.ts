/** An account's second factor: set up, confirmed, removed, and its recovery codes. Each takes a fresh sign-in. */

import { SelvedgeError, validationFailed } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query, ResultRow } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { requireSession } from "./fresh.ts"
import { dropRecoveryCodes, newRecoveryCodes, storeRecoveryCodes } from "./recovery-codes.ts"
import { endSessions } from "./sessions.ts"
import { writeFresh } from "./standing.ts"
import { newSeed, openSeed, sealSeed, stepOf, totpUri } from "./totp.ts"

export interface Enrolment {
  /** Base32. */
  readonly secret: string
  readonly uri: string
}

/** @returns A seed that counts for nothing until {@link activateTotp}; it takes the place of one that wasn't confirmed. */
export async function startTotp(context: AuthContext): Promise<Enrolment> {
  const { caller, secrets, settings } = context
  requireSession(context)
  const secret = newSeed()
  const rows = await write(context, [
    guard("SELECT 'totp_active' FROM _users WHERE id = ? AND mfa = 1", [caller.id]),
    {
      sql: `INSERT INTO _totps (user_id, secret) VALUES (?1, ?2)
ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, last_step = 0, confirmed_at = NULL`,
      params: [caller.id, await sealSeed(secrets, caller.id, secret)],
    },
    { sql: "SELECT coalesce(email, name, id) AS label FROM _users WHERE id = ?", params: [caller.id] },
  ])
  return { secret, uri: totpUri(secret, settings.name, rows.at(-1)![0]!.label as string) }
}

/** @returns The recovery codes. The session that confirms counts as one with both factors from now on. */
export async function activateTotp(context: AuthContext, code: string): Promise<string[]> {
  const { caller, secrets } = context
  const { id: sessionId } = requireSession(context)
  const now = context.now()
  const rows = await write(context, [
    { sql: "SELECT secret, confirmed_at FROM _totps WHERE user_id = ?", params: [caller.id] },
  ])
  const row = rows.at(-1)![0]
  if (!row) throw new SelvedgeError("conflict", "There is no authenticator to activate: POST /v1/auth/totp first.")
  if (row.confirmed_at !== null) throw alreadyActive()
  const step = stepOf((await openSeed(secrets, caller.id, row.secret as string)).seed, code, now)
  if (step === undefined) {
    throw validationFailed([{ pointer: "/code", code: "invalid_value", message: "is not the authenticator's code" }])
  }
  const codes = newRecoveryCodes()
  await write(context, [
    {
      sql: "UPDATE _totps SET confirmed_at = ?, last_step = ? WHERE user_id = ? AND secret = ? AND confirmed_at IS NULL",
      params: [now, step, caller.id, row.secret],
    },
    guard("SELECT 'totp_replaced' WHERE changes() = 0", []),
    { sql: "UPDATE _users SET mfa = 1 WHERE id = ?", params: [caller.id] },
    { sql: "UPDATE _sessions SET aal = 2, amr = json_insert(amr, '$[#]', 'otp') WHERE id = ?", params: [sessionId] },
    ...storeRecoveryCodes(caller.id, codes),
    endSessions(caller.id, now, sessionId),
    eventQuery(context, { event: "factor_added", userId: caller.id, detail: { method: "otp" } }),
    eventQuery(context, { event: "recovery_codes_made", userId: caller.id }),
  ])
  return codes
}

/** All other sessions end: whoever opened them may be the reason. */
export async function removeTotp(context: AuthContext): Promise<void> {
  const { id } = context.caller
  const session = requireSession(context)
  await write(context, [
    activeTotp(id),
    { sql: "DELETE FROM _totps WHERE user_id = ?", params: [id] },
    dropRecoveryCodes(id),
    { sql: "UPDATE _users SET mfa = 0 WHERE id = ?", params: [id] },
    endSessions(id, context.now(), session.id),
    eventQuery(context, { event: "factor_removed", userId: id, detail: { method: "otp" } }),
  ])
}

/** @returns The new codes; those from before are void. */
export async function renewRecoveryCodes(context: AuthContext): Promise<string[]> {
  const { id } = context.caller
  requireSession(context)
  const codes = newRecoveryCodes()
  await write(context, [
    activeTotp(id),
    ...storeRecoveryCodes(id, codes),
    eventQuery(context, { event: "recovery_codes_made", userId: id }),
  ])
  return codes
}

function activeTotp(userId: string): Query {
  return guard("SELECT 'no_totp' FROM _users WHERE id = ? AND mfa = 0", [userId])
}

async function write(context: AuthContext, queries: readonly Query[]): Promise<ResultRow[][]> {
  try {
    return await writeFresh(context, queries)
  } catch (error) {
    throw explain(error)
  }
}

function explain(error: unknown): unknown {
  const failure = readFailure(error)
  if (failure.kind !== "guard") return error
  if (failure.code === "totp_active") return alreadyActive(error)
  if (failure.code === "totp_replaced") {
    return new SelvedgeError("conflict", "Another request has changed the authenticator meanwhile.", { cause: error })
  }
  if (failure.code === "no_totp") {
    return new SelvedgeError("not_found", "This account has no authenticator.", { cause: error })
  }
  return error
}

function alreadyActive(cause?: unknown): SelvedgeError {
  return new SelvedgeError("conflict", "An authenticator is active already: DELETE /v1/auth/totp first.", { cause })
}
