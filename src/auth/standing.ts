/** The caller as the database knows it at this moment, and not as its token was signed. */

import type { Caller } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import { type Database, FRESHNESS, FRESHNESS_QUERY } from "../db/database.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { explainSession, freshSession, requireSession, standingQuery, standingSession } from "./fresh.ts"
import { isKey, type Keys } from "./keys.ts"
import { refuseEnded, refuseToken } from "./refusals.ts"

interface Asker {
  readonly db: Database
  readonly caller: Caller
  readonly now: Clock
}

/**
 * The caller of a strict route, with the roles of this moment. One trip for users and keys, none for others: the
 * service's own tokens stand by themselves.
 *
 * @param authorization The header that named the caller.
 * @throws SelvedgeError `unauthenticated` when the session has ended, the key is revoked, or the token has no session.
 */
export async function standingCaller(
  asker: Asker,
  authorization: string | null,
  keys: Pick<Keys, "verifyNow">,
): Promise<Caller> {
  const { caller, db } = asker
  const token = authorization?.replace(/^Bearer +/i, "") ?? ""
  if (isKey(token)) return keys.verifyNow(token)
  if (caller.kind !== "user") return caller
  if (!caller.session) throw refuseToken("The access token belongs to no session")
  const columns = `s.aal, u.roles, u.is_anonymous AS "isAnonymous", ${FRESHNESS} AS freshness`
  const [rows] = await db.write([standingQuery(asker, columns)])
  const row = rows![0]
  if (!row) throw refuseEnded()
  db.sawFreshness(row.freshness)
  return callerNow(caller, caller.session.id, row)
}

function callerNow(caller: Caller, sessionId: string, row: ResultRow): Caller {
  return {
    ...caller,
    roles: JSON.parse(row.roles as string) as string[],
    session: { id: sessionId, aal: row.aal === 2 ? 2 : 1, anonymous: row.isAnonymous === 1 },
  }
}

/**
 * Runs statements in one batch with the check of the caller's session.
 *
 * @returns What the statements gave, the check not counted.
 * @throws SelvedgeError `unauthenticated` when the session has ended; nothing is written then.
 */
export function writeStanding(asker: Asker, queries: readonly Query[]): Promise<ResultRow[][]> {
  return writeBehind(asker, standingSession, queries)
}

/** The same, of a session that was opened a moment ago. @throws SelvedgeError `reauthentication_required` as well. */
export function writeFresh(asker: Asker, queries: readonly Query[]): Promise<ResultRow[][]> {
  return writeBehind(asker, freshSession, queries)
}

async function writeBehind(
  asker: Asker,
  check: (asker: Asker) => Query,
  queries: readonly Query[],
): Promise<ResultRow[][]> {
  requireSession(asker)
  try {
    const rows = await asker.db.write([check(asker), ...queries, FRESHNESS_QUERY])
    asker.db.sawFreshness(rows.at(-1)![0]?.freshness)
    return rows.slice(1, -1)
  } catch (error) {
    throw explainSession(error)
  }
}
