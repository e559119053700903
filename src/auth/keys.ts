/** API keys, which act as their user within their scopes, and service keys, which act as the service. */

import { type Caller, SERVICE } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import { Database } from "../db/database.ts"
import type { ResultRow } from "../db/query.ts"
import { refuseToken } from "./refusals.ts"
import { isEqual, randomSecret, sha256 } from "./secrets.ts"
import { STANDS } from "./users.ts"

export type KeyKind = "api" | "service"

/** How long an isolate trusts what it read: a revoked key is refused everywhere after this. */
const MAX_AGE_MS = 30_000
/** Keys that an isolate remembers. */
const MOST_REMEMBERED = 1_000
/** A key's last use is noted at most this often. */
const LAST_USE_STEP_MS = 60_000
/** Characters of the checksum; a mistyped key costs no trip. */
const CHECKSUM_LENGTH = 6
/** Characters that a list of keys shows. */
const PREFIX_LENGTH = 14

const KEY = new RegExp(`^slv_(api|service)_([\\w-]{43})([\\w-]{${CHECKSUM_LENGTH}})$`)

export interface NewKey {
  /** Shown once. */
  readonly key: string
  readonly hash: string
  readonly prefix: string
}

export function createKey(kind: KeyKind): NewKey {
  const body = `slv_${kind}_${randomSecret()}`
  const key = `${body}${checksumOf(body)}`
  return { key, hash: hashOf(key), prefix: key.slice(0, PREFIX_LENGTH) }
}

/** Whether a Bearer token is meant to be a key. */
export function isKey(token: string): boolean {
  return token.startsWith("slv_")
}

/** Whether the key `k`, of the account `u` if it has one, may be used; its parameters are the time, twice. */
export const KEY_STANDS = `k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > ?)
  AND (k.kind = 'service' OR (u.id IS NOT NULL AND ${STANDS}))`

/** Whom a key names at this moment. */
export interface KeyHolder {
  /** With the id of the key, also of a service key. */
  readonly caller: Caller
  /** The account's. */
  readonly name: string | undefined
  /** Milliseconds since 1970; infinity for a key that doesn't expire. */
  readonly until: number
}

/** Holds what one isolate remembers of keys. */
export interface Keys {
  /**
   * At once for a key seen in the last 30 seconds; else with one trip to the primary.
   *
   * @throws SelvedgeError `unauthenticated`; `overloaded` when the database can't tell.
   */
  verify(key: string): Caller | Promise<Caller>
  /** Whether `verify` answers from memory. */
  knows(key: string): boolean
  /** As `verify`, but never from memory. */
  verifyNow(key: string): Promise<Caller>
  /** The same, for whoever goes on after the request. */
  holder(key: string): Promise<KeyHolder>
}

export function createKeys({ db, now }: { db: D1Database; now: Clock }): Keys {
  const remembered = new Map<string, { readonly caller: Caller; readonly until: number }>()

  function verify(key: string): Caller | Promise<Caller> {
    return recall(key) ?? verifyNow(key)
  }

  function recall(key: string): Caller | undefined {
    const seen = remembered.get(key)
    return seen && seen.until > now() ? seen.caller : undefined
  }

  async function verifyNow(key: string): Promise<Caller> {
    const { caller, until } = await holder(key)
    // what one request asks needs no id by which it could be ended
    return remember(key, caller.kind === "service" ? SERVICE : caller, until)
  }

  async function holder(key: string): Promise<KeyHolder> {
    remembered.delete(key)
    const [, kind] = KEY.exec(key) ?? []
    const body = key.slice(0, -CHECKSUM_LENGTH)
    const row = kind && isEqual(checksumOf(body), key.slice(-CHECKSUM_LENGTH)) ? await find(db, key, now()) : undefined
    if (!row) throw refuseToken("The API key is not valid")
    return readHolder(row)
  }

  function remember(key: string, caller: Caller, until: number): Caller {
    if (remembered.size >= MOST_REMEMBERED) remembered.delete(remembered.keys().next().value!)
    remembered.set(key, { caller, until: Math.min(now() + MAX_AGE_MS, until) })
    return caller
  }

  return { verify, verifyNow, holder, knows: (key) => recall(key) !== undefined }
}

async function find(db: D1Database, key: string, now: number): Promise<ResultRow | undefined> {
  const hash = hashOf(key)
  const [, found] = await new Database(db).write(
    [
      {
        sql: "UPDATE _keys SET last_used_at = ?1 WHERE hash = ?2 AND revoked_at IS NULL AND coalesce(last_used_at, 0) < ?3",
        params: [now, hash, now - LAST_USE_STEP_MS],
      },
      {
        sql: `SELECT k.id, k.kind, k.user_id AS "userId", k.scopes, k.expires_at AS "expiresAt", u.roles, u.name
FROM _keys k LEFT JOIN _users u ON u.id = k.user_id
WHERE k.hash = ? AND ${KEY_STANDS}`,
        params: [hash, now, now],
      },
    ],
    { isRepeatable: true },
  )
  return found![0]
}

function readHolder(row: ResultRow): KeyHolder {
  return {
    caller: readCaller(row),
    name: (row.name as string | null) ?? undefined,
    until: (row.expiresAt as number | null) ?? Number.POSITIVE_INFINITY,
  }
}

/** Frozen, since requests share it. */
function readCaller(row: ResultRow): Caller {
  if (row.kind === "service") return { ...SERVICE, key: row.id as string }
  return Object.freeze({
    kind: "user",
    id: row.userId as string,
    roles: Object.freeze(JSON.parse(row.roles as string) as string[]),
    key: row.id as string,
    scopes: new Set(JSON.parse(row.scopes as string) as string[]),
  })
}

function checksumOf(body: string): string {
  return sha256(`checksum:${body}`).slice(0, CHECKSUM_LENGTH)
}

function hashOf(key: string): string {
  return sha256(`key:${key}`)
}
