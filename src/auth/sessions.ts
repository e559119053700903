/** Sessions: made at sign-in, kept alive by refresh tokens that rotate, ended by their user or an admin. */

import { base64url } from "jose"
import { SelvedgeError } from "../core/problem.ts"
import { FRESHNESS } from "../db/database.ts"
import type { Query } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { isEqual, randomSecret, type SecretKey, sha256 } from "./secrets.ts"
import { STANDS, toUser, USER_COLUMNS, type User } from "./users.ts"

const SESSION_ID_BYTES = 16
/** A lost answer can be asked for again with the same Idempotency-Key. */
const SAME_KEY_MS = 60_000
/** Two tabs that refresh at the same moment are not a theft. */
const OTHER_KEY_MS = 10_000
const MOST_USER_AGENT = 300

/** What a signed-in client is given. */
export interface Session {
  readonly id: string
  readonly user: User
  readonly accessToken: string
  /** Seconds. */
  readonly expiresIn: number
  readonly refreshToken: string
}

export interface NewSession {
  readonly id: string
  readonly refreshToken: string
  /** Inserts one row, or none when the account may not be used or needs a second factor. */
  readonly query: Query
}

/** How someone proved who they are. */
export interface Proof {
  readonly userId: string
  /** Methods, by the names of RFC 8176 where it has one. */
  readonly amr: readonly string[]
  /** Authenticator assurance level: 2 after a second factor. */
  readonly aal: 1 | 2
}

export function newSession(context: AuthContext, { userId, amr, aal }: Proof): NewSession {
  const { settings, secrets, client } = context
  const now = context.now()
  const id = base64url.encode(crypto.getRandomValues(new Uint8Array(SESSION_ID_BYTES)))
  const refreshToken = refreshTokenOf(secrets.current, id, 1)
  return {
    id,
    refreshToken,
    query: {
      sql: `INSERT INTO _sessions (id, user_id, generation, refresh_hash, rotated_at, aal, amr, ip, user_agent, place,
  created_at, authenticated_at, last_used_at, idle_at, expires_at)
SELECT ?, u.id, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM _users u
WHERE u.id = ? AND ${STANDS} AND (u.mfa = 0 OR ? = 2)`,
      params: [
        id,
        hashOf(refreshToken),
        now,
        aal,
        JSON.stringify(amr),
        client.ip ?? null,
        client.userAgent?.slice(0, MOST_USER_AGENT) ?? null,
        client.place ?? null,
        now,
        now,
        now,
        now + Math.min(settings.idleMs, settings.absoluteMs),
        now + settings.absoluteMs,
        userId,
        now,
        aal,
      ],
    },
  }
}

/** Signs the access token of a session. */
export async function openSession(
  { tokens, settings }: AuthContext,
  user: User,
  session: { id: string; aal: 1 | 2; refreshToken: string },
): Promise<Session> {
  const accessToken = await tokens.sign({
    subject: user.id,
    roles: user.roles,
    sessionId: session.id,
    aal: session.aal,
    anonymous: user.isAnonymous,
    lifetimeSeconds: settings.accessSeconds,
  })
  return { id: session.id, user, accessToken, expiresIn: settings.accessSeconds, refreshToken: session.refreshToken }
}

/**
 * Exchanges a refresh token for its successor, in one batch. An older one, at any depth, ends the session; excepted is
 * the one before the newest within {@link SAME_KEY_MS} under the same key (the same successor again) and within
 * {@link OTHER_KEY_MS} under another (refused, and nothing ends). A forged token costs no trip.
 *
 * @throws SelvedgeError `invalid_credentials`
 */
export async function refreshSession(context: AuthContext, token: string, key: string | undefined): Promise<Session> {
  const known = readRefreshToken(context, token)
  if (!known) throw refuseRefresh()
  const { id, generation } = known
  const successor = refreshTokenOf(context.secrets.current, id, generation + 1)
  const rotation = {
    hash: hashOf(token),
    next: hashOf(successor),
    key: sha256(`refresh key:${key ?? randomSecret()}`),
  }
  const rows = await context.db.write(refreshQueries(context, id, generation, rotation))
  const row = rows.at(-1)![0]
  context.db.sawFreshness(row?.freshness)
  if (!row) throw refuseRefresh()
  return openSession(context, toUser(row), { id, aal: row.aal === 2 ? 2 : 1, refreshToken: successor })
}

function refreshQueries(
  context: AuthContext,
  id: string,
  generation: number,
  { hash, next, key }: { hash: string; next: string; key: string },
): Query[] {
  const { settings, client } = context
  const now = context.now()
  return [
    {
      sql: `UPDATE _sessions SET generation = generation + 1, refresh_hash = ?1, rotated_at = ?2, rotated_key = ?3,
  last_used_at = ?2, idle_at = min(?2 + ?4, expires_at), ip = ?5, place = ?6
WHERE id = ?7 AND generation = ?8 AND refresh_hash = ?9 AND revoked_at IS NULL AND expires_at > ?2 AND idle_at > ?2
  AND EXISTS (SELECT 1 FROM _users u WHERE u.id = user_id AND ${STANDS.replace("?", "?2")})`,
      params: [next, now, key, settings.idleMs, client.ip ?? null, client.place ?? null, id, generation, hash],
    },
    {
      sql: `UPDATE _sessions SET revoked_at = ?1 WHERE id = ?2 AND revoked_at IS NULL AND generation > ?3
  AND NOT (generation = ?3 + 1 AND rotated_at > ?1 - iif(rotated_key = ?4, ${SAME_KEY_MS}, ${OTHER_KEY_MS}))`,
      params: [now, id, generation, key],
    },
    eventQuery(context, { event: "token_reused", userId: { ofSession: id }, result: "refused" }, "changes() = 1"),
    {
      sql: `SELECT ${USER_COLUMNS}, s.aal, ${FRESHNESS} AS freshness
FROM _sessions s JOIN _users u ON u.id = s.user_id
WHERE s.id = ? AND s.generation = ? AND s.refresh_hash = ? AND s.rotated_key = ? AND s.revoked_at IS NULL
  AND s.expires_at > ? AND ${STANDS}`,
      params: [id, generation + 1, next, key, now, now],
    },
  ]
}

/** @returns Undefined for a token that this server didn't make. */
export function readRefreshToken(
  { secrets }: Pick<AuthContext, "secrets">,
  token: string,
): { id: string; generation: number } | undefined {
  const [, id, digits] = /^([\w-]{22})\.([1-9]\d{0,8})\.[\w-]{43}$/.exec(token) ?? []
  if (!id) return undefined
  const generation = Number(digits)
  const isOurs = secrets.all.some((secret) => isEqual(token, refreshTokenOf(secret, id, generation)))
  return isOurs ? { id, generation } : undefined
}

/** Ends one session; with `userId`, only if it is that user's. */
export function endSession(id: string, now: number, userId?: string): Query {
  return {
    sql: "UPDATE _sessions SET revoked_at = ?1 WHERE id = ?2 AND user_id = coalesce(?3, user_id) AND revoked_at IS NULL",
    params: [now, id, userId ?? null],
  }
}

/** Ends all sessions of a user, but for one. */
export function endSessions(userId: string, now: number, except = ""): Query {
  return {
    sql: "UPDATE _sessions SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL AND id <> ?",
    params: [now, userId, except],
  }
}

/** 128 random bits name the session; the MAC makes a forged token worthless. */
function refreshTokenOf(secret: SecretKey, id: string, generation: number): string {
  const text = `${id}.${generation}`
  return `${text}.${secret.mac("refresh token", text)}`
}

function hashOf(token: string): string {
  return sha256(`refresh:${token}`)
}

function refuseRefresh(): SelvedgeError {
  return new SelvedgeError("invalid_credentials", "The refresh token is not valid, or its session has ended.")
}
