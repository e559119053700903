/** A user's own passkeys: listed, named and removed. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { ResultRow } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { requireSession } from "./fresh.ts"
import { endSessions } from "./sessions.ts"
import { writeFresh, writeStanding } from "./standing.ts"
import { anotherWay } from "./ways-in.ts"

/** A passkey as its owner sees it. */
export interface Passkey {
  /** The credential's id, base64url. */
  readonly id: string
  readonly name: string
  readonly createdAt: string
  readonly lastUsedAt: string | null
  /** Whether the key is kept in more places than one device. */
  readonly backedUp: boolean
  readonly transports: readonly string[]
}

/** The columns that {@link toPasskey} reads. */
export const PASSKEY_COLUMNS =
  'id, name, created_at AS "createdAt", last_used_at AS "lastUsedAt", backed_up AS "backedUp", transports'

export function toPasskey(row: ResultRow): Passkey {
  return {
    id: row.id as string,
    name: row.name as string,
    createdAt: new Date(row.createdAt as number).toISOString(),
    lastUsedAt: row.lastUsedAt === null ? null : new Date(row.lastUsedAt as number).toISOString(),
    backedUp: row.backedUp === 1,
    transports: JSON.parse(row.transports as string) as string[],
  }
}

/** Newest first. */
export async function listPasskeys(context: AuthContext): Promise<Passkey[]> {
  const [rows] = await writeStanding(context, [
    {
      sql: `SELECT ${PASSKEY_COLUMNS} FROM _passkeys WHERE user_id = ? ORDER BY created_at DESC, id`,
      params: [context.caller.id],
    },
  ])
  return rows!.map(toPasskey)
}

/** @throws SelvedgeError `not_found`, also for a passkey of somebody else. */
export async function renamePasskey(context: AuthContext, id: string, name: string): Promise<Passkey> {
  const [rows] = await writeStanding(context, [
    {
      sql: `UPDATE _passkeys SET name = ? WHERE id = ? AND user_id = ? RETURNING ${PASSKEY_COLUMNS}`,
      params: [name, id, context.caller.id],
    },
  ])
  if (!rows![0]) throw noPasskey()
  return toPasskey(rows![0])
}

/**
 * Ends the user's other sessions too: whoever holds the device may have opened one.
 *
 * @throws SelvedgeError `not_found`, `reauthentication_required`, or `conflict` for the last way to sign in.
 */
export async function removePasskey(context: AuthContext, id: string): Promise<void> {
  const session = requireSession(context)
  const userId = context.caller.id
  try {
    await writeFresh(context, [
      guard("SELECT 'no_passkey' WHERE NOT EXISTS (SELECT 1 FROM _passkeys WHERE id = ? AND user_id = ?)", [
        id,
        userId,
      ]),
      anotherWay(userId, { passkey: id }),
      { sql: "DELETE FROM _passkeys WHERE id = ?", params: [id] },
      eventQuery(context, { event: "factor_removed", userId, detail: { method: "passkey", passkey: id } }),
      endSessions(userId, context.now(), session.id),
    ])
  } catch (error) {
    throw explainRemoval(error)
  }
}

function explainRemoval(error: unknown): unknown {
  const failure = readFailure(error)
  if (failure.kind === "guard" && failure.code === "no_passkey") return noPasskey(error)
  if (failure.kind === "guard" && failure.code === "last_way")
    return new SelvedgeError("conflict", "This passkey is the only way to sign in; add another first.", {
      cause: error,
    })
  return error
}

function noPasskey(cause?: unknown): SelvedgeError {
  return new SelvedgeError("not_found", "There is no such passkey.", { cause })
}
