/** Flows that need the caller's own session: that it stands, and that it was opened a moment ago. */

import type { CallerSession } from "../core/caller.ts"
import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { CHALLENGE, refuseEnded } from "./refusals.ts"
import { STANDS } from "./users.ts"

/** How long a sign-in is good for changing what one signs in with (ASVS 7.5.1). */
export const FRESH_MS = 10 * 60_000

type Asker = Pick<AuthContext, "caller" | "now">

/** @throws SelvedgeError `unauthenticated` for the anonymous caller, `forbidden` for a key or any other token. */
export function requireSession({ caller }: Pick<AuthContext, "caller">): CallerSession {
  if (caller.kind === "anonymous") {
    throw new SelvedgeError("unauthenticated", "Sign in to do this.", { headers: { "WWW-Authenticate": CHALLENGE } })
  }
  if (!caller.session) throw new SelvedgeError("forbidden", "Sign in first: only a session may do this.")
  return caller.session
}

/** An anonymous user has no account to add to, and what was added would look like one. */
export function requireAccount(asker: Pick<AuthContext, "caller">): { userId: string; sessionId: string } {
  const { id: sessionId, anonymous } = requireSession(asker)
  if (anonymous) throw new SelvedgeError("forbidden", "Make an account first.")
  return { userId: asker.caller.id, sessionId }
}

/** For the head of a batch: aborts it unless the caller's session stands. {@link explainSession} says why. */
export function standingSession(asker: Asker): Query {
  return guard(`SELECT iif(count(*) = 0, 'ended_session', NULL) ${FROM_STANDING}`, standing(asker))
}

/**
 * The same, and the session must be at most {@link FRESH_MS} old, however often it was refreshed. Of an account with a
 * second factor it must have been opened with both: one from before that factor can't add a way around it.
 */
export function freshSession(asker: Asker): Query {
  return guard(
    `SELECT iif(count(*) = 0, 'ended_session', iif(max(s.authenticated_at >= ? AND (u.mfa = 0 OR s.aal = 2)), NULL,
  'stale_session')) ${FROM_STANDING}`,
    [asker.now() - FRESH_MS, ...standing(asker)],
  )
}

/** Columns of `_sessions s` and `_users u`; no row unless the caller's session stands. */
export function standingQuery(asker: Asker, columns: string): Query {
  return { sql: `SELECT ${columns} ${FROM_STANDING}`, params: standing(asker) }
}

/** @returns The refusal, when the batch was aborted by one of the guards; else the error itself. */
export function explainSession(error: unknown): unknown {
  const failure = readFailure(error)
  if (failure.kind !== "guard") return error
  if (failure.code === "ended_session") return refuseEnded(error)
  if (failure.code !== "stale_session") return error
  return new SelvedgeError("reauthentication_required", "Sign in again, with all your factors, then repeat this.", {
    cause: error,
  })
}

/** Whether the session `s` of the account `u` stands; its parameters are the time, three times. */
export const SESSION_STANDS = `s.revoked_at IS NULL AND s.expires_at > ? AND s.idle_at > ? AND ${STANDS}`

const FROM_STANDING = `FROM _sessions s JOIN _users u ON u.id = s.user_id
WHERE s.id = ? AND s.user_id = ? AND ${SESSION_STANDS}`

function standing({ caller, now }: Asker): unknown[] {
  return [caller.session?.id ?? null, caller.id, now(), now(), now()]
}
