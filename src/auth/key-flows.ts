/** Making, listing and revoking keys. */

import { SelvedgeError, validationFailed } from "../core/problem.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { createKey, type KeyKind } from "./keys.ts"
import { writeFresh, writeStanding } from "./standing.ts"

/** Of one user. */
const MOST_KEYS = 100

export interface KeyOrder {
  readonly name: string
  readonly scopes: readonly string[]
  /** Milliseconds since 1970. */
  readonly expiresAt: number | null
}

/** A key as lists show it. */
export interface KeyView {
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly scopes: readonly string[]
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly lastUsedAt: string | null
}

/** Whose keys: a user's own, or those of the service. */
export type KeyOwner = { readonly kind: "api"; readonly userId: string } | { readonly kind: "service" }

/** @returns The key itself, which nobody can read again. */
export async function makeKey(
  context: AuthContext,
  owner: KeyOwner,
  order: KeyOrder,
): Promise<KeyView & { readonly key: string }> {
  const now = context.now()
  if (order.expiresAt !== null && order.expiresAt <= now)
    throw validationFailed([{ pointer: "/expiresAt", code: "too_small", message: "must lie in the future" }])
  const { key, hash, prefix } = createKey(owner.kind)
  const id = newId()
  const userId = ownerId(owner)
  const rows = await writeFresh(context, [
    {
      sql: `INSERT INTO _keys (id, hash, prefix, kind, user_id, name, scopes, created_at, expires_at)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM _keys WHERE user_id IS ? AND kind = ? AND revoked_at IS NULL) < ?`,
      params: [
        ...[id, hash, prefix, owner.kind, userId, order.name, JSON.stringify(order.scopes), now, order.expiresAt],
        ...[userId, owner.kind, MOST_KEYS],
      ],
    },
    eventQuery(context, { event: "key_made", userId, detail: { key: id, kind: owner.kind } }, "changes() = 1"),
    { sql: `${SELECT} WHERE id = ?`, params: [id] },
  ])
  const row = rows.at(-1)![0]
  if (!row) throw new SelvedgeError("conflict", `There may be ${MOST_KEYS} keys; revoke one first.`)
  return { ...toView(row), key }
}

export async function listKeys(context: AuthContext, owner: KeyOwner): Promise<KeyView[]> {
  const select: Query = {
    sql: `${SELECT} WHERE user_id IS ? AND kind = ? AND revoked_at IS NULL ORDER BY created_at DESC, id DESC`,
    params: [ownerId(owner), owner.kind],
  }
  const isOwn = owner.kind === "api"
  const [rows] = isOwn ? await writeStanding(context, [select]) : await context.db.write([select])
  return rows!.map(toView)
}

/** @throws SelvedgeError `not_found`, also for a key of somebody else. */
export async function revokeKey(context: AuthContext, owner: KeyOwner, id: string): Promise<void> {
  const userId = ownerId(owner)
  const revoke: Query = {
    sql: `UPDATE _keys SET revoked_at = ? WHERE id = ? AND user_id IS ? AND kind = ? AND revoked_at IS NULL RETURNING id`,
    params: [context.now(), id, userId, owner.kind],
  }
  const [revoked] = await writeStanding(context, [
    revoke,
    eventQuery(context, { event: "key_revoked", userId, detail: { key: id, kind: owner.kind } }, "changes() = 1"),
  ])
  if (revoked!.length === 0) throw new SelvedgeError("not_found", "There is no such key.")
}

const SELECT = `SELECT id, name, prefix, scopes, created_at AS "createdAt", expires_at AS "expiresAt",
  last_used_at AS "lastUsedAt" FROM _keys`

function ownerId(owner: KeyOwner & { kind: KeyKind }): string | null {
  return owner.kind === "api" ? owner.userId : null
}

function toView(row: ResultRow): KeyView {
  return {
    id: row.id as string,
    name: row.name as string,
    prefix: row.prefix as string,
    scopes: JSON.parse(row.scopes as string) as string[],
    createdAt: new Date(row.createdAt as number).toISOString(),
    expiresAt: instant(row.expiresAt),
    lastUsedAt: instant(row.lastUsedAt),
  }
}

function instant(value: unknown): string | null {
  return value === null ? null : new Date(value as number).toISOString()
}
