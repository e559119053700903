/** A user's own sessions: seen, and ended, through one of them. */

import { SelvedgeError } from "../core/problem.ts"
import type { ResultRow } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { requireSession } from "./fresh.ts"
import { endSession, endSessions } from "./sessions.ts"
import { writeStanding } from "./standing.ts"
import { deviceOf } from "./user-agent.ts"

/** Sessions that a list shows; the newest come first. */
const MOST_LISTED = 100

export interface OwnSession {
  readonly id: string
  /** Whether the request came through it. */
  readonly current: boolean
  readonly aal: 1 | 2
  readonly amr: readonly string[]
  readonly ip: string | null
  readonly userAgent: string | null
  readonly device: string
  readonly place: string | null
  readonly createdAt: string
  /** When its tokens were last renewed. */
  readonly lastUsedAt: string
  /** When it ends however it is used. */
  readonly expiresAt: string
}

/** Those that stand, newest first. One trip. */
export async function listSessions(context: AuthContext): Promise<OwnSession[]> {
  const { id } = requireSession(context)
  const rows = await writeStanding(context, [
    {
      sql: `SELECT id, aal, amr, ip, user_agent AS "userAgent", place, created_at AS "createdAt",
  last_used_at AS "lastUsedAt", expires_at AS "expiresAt"
FROM _sessions WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND idle_at > ?2
ORDER BY created_at DESC, id LIMIT ${MOST_LISTED}`,
      params: [context.caller.id, context.now()],
    },
  ])
  return rows[0]!.map((row) => toOwnSession(row, id))
}

/**
 * Ends one of the user's own sessions.
 *
 * @throws SelvedgeError `not_found` for a session that isn't there, has ended, or is another's.
 */
export async function endOwnSession(context: AuthContext, id: string): Promise<void> {
  const userId = context.caller.id
  const rows = await writeStanding(context, [
    endSession(id, context.now(), userId),
    eventQuery(context, { event: "session_ended", userId }, "changes() = 1"),
    { sql: "SELECT changes() AS ended", params: [] },
  ])
  if (rows[2]![0]!.ended !== 1) throw new SelvedgeError("not_found", "There is no such session.")
}

export async function endOtherSessions(context: AuthContext): Promise<void> {
  const { id } = requireSession(context)
  const userId = context.caller.id
  await writeStanding(context, [
    endSessions(userId, context.now(), id),
    eventQuery(context, { event: "session_ended", userId, detail: { others: true } }, "changes() > 0"),
  ])
}

function toOwnSession(row: ResultRow, currentId: string): OwnSession {
  const time = (at: unknown): string => new Date(at as number).toISOString()
  const userAgent = row.userAgent as string | null
  return {
    id: row.id as string,
    current: row.id === currentId,
    aal: row.aal === 2 ? 2 : 1,
    amr: JSON.parse(row.amr as string) as string[],
    ip: row.ip as string | null,
    userAgent,
    device: deviceOf(userAgent),
    place: row.place as string | null,
    createdAt: time(row.createdAt),
    lastUsedAt: time(row.lastUsedAt),
    expiresAt: time(row.expiresAt),
  }
}
