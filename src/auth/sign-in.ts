/** The end of every way to sign in: a session, or a ticket for the second factor, in one batch. */

import { SelvedgeError } from "../core/problem.ts"
import { FRESHNESS } from "../db/database.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import { anonymousCaller, requireAnonymous } from "./anonymous.ts"
import type { AuthContext } from "./context.ts"
import { type AuthEventName, eventQuery } from "./events.ts"
import { hashOf, LIFETIME_MS } from "./one-time.ts"
import { randomSecret } from "./secrets.ts"
import { endSessions, newSession, openSession, type Proof, type Session } from "./sessions.ts"
import { STANDS, toUser, USER_COLUMNS } from "./users.ts"

/** What the first factor alone gives where a second is asked for: no token of any kind. */
export interface SecondFactorNeeded {
  readonly ticket: string
  readonly methods: readonly ["totp", "recovery"]
}

export type SignedIn = Session | SecondFactorNeeded

export interface SignInOptions {
  /** Statements that run first, in the same batch. */
  readonly before?: readonly Query[]
  /** An anonymous user whose data moves to the one who signs in; the caller's own unless told. */
  readonly mergeFrom?: string | undefined
  /** What the audit calls it. */
  readonly event?: AuthEventName
}

/**
 * Opens a session for someone who proved who they are.
 *
 * @throws SelvedgeError `forbidden` when the account may not be used, `invalid_credentials` when there is none any more.
 */
export async function signIn(context: AuthContext, proof: Proof, options: SignInOptions = {}): Promise<SignedIn> {
  const from = options.mergeFrom ?? anonymousCaller(context)
  if (!from || from === proof.userId) return run(context, proof, options, undefined)
  try {
    return await run(context, proof, options, from)
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind !== "guard" || failure.code !== "no_merge") throw error
    return run(context, proof, options, undefined, from)
  }
}

export function isSession(signedIn: SignedIn): signedIn is Session {
  return "accessToken" in signedIn
}

/** @param mergeLater Kept in the ticket until the second factor is there. */
async function run(
  context: AuthContext,
  proof: Proof,
  { before = [], event = "sign_in" }: SignInOptions,
  mergeFrom: string | undefined,
  mergeLater?: string,
): Promise<SignedIn> {
  const now = context.now()
  const session = newSession(context, proof)
  const ticket = randomSecret()
  const rows = await context.db.write([
    ...before,
    session.query,
    eventQuery(context, { event, userId: proof.userId, detail: { method: proof.amr.join(" ") } }, "changes() = 1"),
    ...(mergeFrom ? mergeQueries(context, session.id, mergeFrom, proof.userId) : []),
    ...(proof.aal === 1 ? [ticketQuery(proof, ticket, now, mergeLater)] : []),
    {
      sql: `SELECT ${USER_COLUMNS}, ${STANDS} AS stands, EXISTS (SELECT 1 FROM _sessions WHERE id = ?) AS "hasSession",
  ${FRESHNESS} AS freshness FROM _users u WHERE u.id = ?`,
      params: [now, session.id, proof.userId],
    },
  ])
  const row = rows.at(-1)![0]
  context.db.sawFreshness(row?.freshness)
  if (row?.hasSession === 1) return openSession(context, toUser(row), { ...session, aal: proof.aal })
  if (!row) throw new SelvedgeError("invalid_credentials", "There is no such account any more.")
  if (row.stands !== 1) throw new SelvedgeError("forbidden", "This account may not be used.")
  return { ticket, methods: ["totp", "recovery"] }
}

function ticketQuery(proof: Proof, ticket: string, now: number, mergeFrom: string | undefined): Query {
  const payload = { amr: proof.amr, ...(mergeFrom && { mergeFrom }) }
  return {
    sql: `INSERT INTO _one_time (purpose, hash, user_id, payload, expires_at)
SELECT 'mfa', ?, u.id, ?, ? FROM _users u WHERE u.id = ? AND ${STANDS} AND u.mfa = 1`,
    params: [hashOf("mfa", ticket), JSON.stringify(payload), now + LIFETIME_MS.mfa, proof.userId, now],
  }
}

/** Aborts the batch unless the session is there and `from` is an anonymous user still. */
function mergeQueries(context: AuthContext, sessionId: string, from: string, to: string): Query[] {
  const now = context.now()
  return [
    guard("SELECT 'no_merge' WHERE NOT EXISTS (SELECT 1 FROM _sessions WHERE id = ?)", [sessionId]),
    requireAnonymous(context, from, "no_merge"),
    ...context.settings.merge(from, to, context.orm).map((statement) => statement.toSQL()),
    eventQuery(context, { event: "accounts_merged", userId: to, detail: { from } }),
    endSessions(from, now),
    { sql: "UPDATE _users SET deleted_at = ? WHERE id = ?", params: [now, from] },
  ]
}
