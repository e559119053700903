/** A user's own identities at providers: listed, linked and removed. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query, ResultRow } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { requireAccount, requireSession } from "./fresh.ts"
import type { ProviderUser } from "./identities.ts"
import { type Minted, mint, redeem, refuseSecret } from "./one-time.ts"
import type { Providers } from "./providers/registry.ts"
import { isEqual, sha256 } from "./secrets.ts"
import { endSessions } from "./sessions.ts"
import { writeFresh, writeStanding } from "./standing.ts"
import { anotherWay } from "./ways-in.ts"

export interface OwnIdentity {
  /** The provider's name; null when it isn't on any more. */
  readonly provider: string | null
  readonly issuer: string
  readonly email: string | null
  readonly createdAt: string
}

const COLUMNS = 'issuer, email, created_at AS "createdAt"'

/** What the one who asked for a link finishes it with. */
interface Link {
  readonly sessionId: string
  readonly identity: ProviderUser
  /** PKCE S256 (RFC 7636) of the site. */
  readonly codeChallenge: string
}

/** Newest first. One trip. */
export async function listIdentities(context: AuthContext, providers: Providers): Promise<OwnIdentity[]> {
  const [rows] = await writeStanding(context, [
    {
      sql: `SELECT ${COLUMNS} FROM _identities WHERE user_id = ? ORDER BY created_at DESC, subject`,
      params: [context.caller.id],
    },
  ])
  return rows!.map((row) => toOwnIdentity(row, providers))
}

/** @returns The code for the site that wants the link. */
export function mintLink({ now }: Pick<AuthContext, "now">, userId: string, link: Link): Minted {
  return mint(now(), { purpose: "link-identity", userId, payload: { ...link } })
}

/**
 * Two trips. The verifier and the session show that whoever came from the provider is the one who asked: else a link of
 * somebody else's account could be pressed on them.
 *
 * @throws SelvedgeError `invalid_credentials` for a code that isn't this session's, `conflict` when the identity is
 * another user's.
 */
export async function linkIdentity(
  context: AuthContext,
  providers: Providers,
  code: string,
  codeVerifier: string,
): Promise<OwnIdentity> {
  const { userId, sessionId } = requireAccount(context)
  const redeemed = await redeem(context, "link-identity", code)
  if (!redeemed) throw refuseSecret("code")
  const link = redeemed.payload as unknown as Link
  if (link.sessionId !== sessionId || !isEqual(sha256(codeVerifier), link.codeChallenge)) {
    const detail = { issuer: link.identity.issuer, reason: link.sessionId === sessionId ? "verifier" : "session" }
    context.writeLater([eventQuery(context, { event: "identity_linked", userId, result: "refused", detail })])
    throw refuseSecret("code")
  }
  const { issuer, subject, email } = link.identity
  const [, , rows] = await writeStanding(context, [
    {
      sql: `INSERT INTO _identities (issuer, subject, user_id, email, created_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (issuer, subject) DO NOTHING`,
      params: [issuer, subject, userId, email, context.now()],
    },
    eventQuery(context, { event: "identity_linked", userId, detail: { issuer } }, "changes() = 1"),
    {
      sql: `SELECT ${COLUMNS} FROM _identities WHERE issuer = ? AND subject = ? AND user_id = ?`,
      params: [issuer, subject, userId],
    },
  ])
  if (!rows![0]) throw new SelvedgeError("conflict", "This identity signs in to another account.")
  return toOwnIdentity(rows![0], providers)
}

/**
 * All that the user has at the provider. Ends the user's other sessions too: they may have been opened through it.
 *
 * @throws SelvedgeError `not_found`, `reauthentication_required`, or `conflict` for the last way to sign in.
 */
export async function removeIdentities(context: AuthContext, providers: Providers, provider: string): Promise<void> {
  const { id: sessionId } = requireSession(context)
  const userId = context.caller.id
  const issuer = providers.get(provider)?.issuer
  if (issuer === undefined) throw noIdentity()
  try {
    await writeFresh(context, [
      requireIdentity(userId, issuer),
      anotherWay(userId, { issuer }),
      { sql: "DELETE FROM _identities WHERE user_id = ? AND issuer = ?", params: [userId, issuer] },
      eventQuery(context, { event: "factor_removed", userId, detail: { method: "identity", issuer } }),
      endSessions(userId, context.now(), sessionId),
    ])
  } catch (error) {
    throw explainRemoval(error)
  }
}

function requireIdentity(userId: string, issuer: string): Query {
  const exists = "EXISTS (SELECT 1 FROM _identities WHERE user_id = ? AND issuer = ?)"
  return guard(`SELECT 'no_identity' WHERE NOT ${exists}`, [userId, issuer])
}

function explainRemoval(error: unknown): unknown {
  const failure = readFailure(error)
  if (failure.kind === "guard" && failure.code === "no_identity") return noIdentity(error)
  if (failure.kind === "guard" && failure.code === "last_way")
    return new SelvedgeError("conflict", "This is the only way to sign in; add another first.", { cause: error })
  return error
}

function noIdentity(cause?: unknown): SelvedgeError {
  return new SelvedgeError("not_found", "The account has no identity at this provider.", { cause })
}

function toOwnIdentity(row: ResultRow, providers: Providers): OwnIdentity {
  const issuer = row.issuer as string
  return {
    provider: [...providers.values()].find((provider) => provider.issuer === issuer)?.name ?? null,
    issuer,
    email: row.email as string | null,
    createdAt: new Date(row.createdAt as number).toISOString(),
  }
}
