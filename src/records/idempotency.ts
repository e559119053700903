/** The first answer under an `Idempotency-Key`, stored in the same batch as the write it answers. */

import type { Caller } from "../core/caller.ts"
import { SelvedgeError } from "../core/problem.ts"
import { type Database, FRESHNESS } from "../db/database.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import type { Bindings } from "../query/bindings.ts"

export const KEPT_MS = 24 * 60 * 60 * 1_000
/** Bytes of a stored answer; a row of D1 holds 2 MB. */
export const MOST_ANSWER_BYTES = 1_000_000
const KEY = /^[\x20-\x7e]{1,255}$/

export interface Claim {
  readonly scope: string
  readonly key: string
  readonly fingerprint: string
}

export interface StoredAnswer {
  readonly status: number | null
  readonly body: string
}

/** What a fingerprint covers: two requests that differ in any of it are different requests. */
export interface RequestFacts {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly conditions: string
  readonly body: string
}

/** @throws SelvedgeError `invalid_header` for a key that isn't 1 to 255 printable ASCII characters. */
export async function createClaim(caller: Caller, key: string, request: RequestFacts): Promise<Claim> {
  if (!KEY.test(key))
    throw new SelvedgeError("invalid_header", "Idempotency-Key takes 1 to 255 printable ASCII characters.")
  const text = JSON.stringify([request.method, request.path, request.query, request.conditions, request.body])
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))
  const fingerprint = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
  const scope =
    caller.kind === "user" ? `user:${caller.id}` : caller.kind === "service" ? "service" : `anon:${fingerprint}`
  return { scope, key, fingerprint }
}

/** Claims the key first of all, so that a repeat stops here. An answer older than a day gives way. */
export function claimQueries(
  { scope, key, fingerprint }: Claim,
  now: number,
  answer?: { status: number; body: string },
): Query[] {
  return [
    {
      sql: `INSERT INTO _idempotency (scope, key, fingerprint, status, body, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (scope, key) DO UPDATE SET fingerprint = ?3, status = ?4, body = ?5, created_at = ?6 WHERE created_at <= ?6 - ${KEPT_MS}`,
      params: [scope, key, fingerprint, answer?.status ?? null, answer?.body ?? "[]", now],
    },
    guard("SELECT 'replay' WHERE changes() = 0", []),
  ]
}

/** Keeps the answer of each operation of a batch as one more entry of a JSON list. */
export class Recorder {
  readonly #claim: Claim

  constructor(claim: Claim) {
    this.#claim = claim
  }

  /**
   * @param entry SQL of the entry.
   * @param bindings Holds the values of `entry`.
   * @param condition SQL that must hold; the entry is also left out when the operation has one already.
   */
  append(index: number, entry: string, bindings: Bindings, condition = "1"): Query {
    const [scope, key] = [bindings.add(this.#claim.scope), bindings.add(this.#claim.key)]
    return {
      sql: `UPDATE _idempotency SET body = json_insert(body, '$[#]', json(${entry})) WHERE scope = ${scope} AND key = ${key} AND json_array_length(body) = ${index} AND ${condition}`,
      params: bindings.values,
    }
  }

  sizeGuard(): Query {
    const large = `SELECT 'payload_too_large:0' FROM _idempotency WHERE scope = ? AND key = ? AND octet_length(body) > ${MOST_ANSWER_BYTES}`
    return guard(large, [this.#claim.scope, this.#claim.key])
  }
}

/**
 * The stored answer of an earlier, equal request; undefined when there is none.
 * @throws SelvedgeError `idempotency_mismatch` when the key belongs to a different request.
 */
export async function findAnswer(db: Database, claim: Claim, now: number): Promise<StoredAnswer | undefined> {
  const query = {
    sql: `SELECT fingerprint, status, body, ${FRESHNESS} AS freshness FROM _idempotency WHERE scope = ? AND key = ? AND created_at > ?`,
    params: [claim.scope, claim.key, now - KEPT_MS],
  }
  const [rows] = await db.write([query], { isRepeatable: true })
  const row = rows?.[0] as { fingerprint: string; status: number | null; body: string; freshness: string } | undefined
  db.sawFreshness(row?.freshness)
  if (row && row.fingerprint !== claim.fingerprint) {
    throw new SelvedgeError("idempotency_mismatch", "This Idempotency-Key was used for a different request.")
  }
  return row
}

/** Removes stored answers that are too old, some at a time. */
export function sweepAnswers(now: number): Query {
  return {
    sql: "DELETE FROM _idempotency WHERE rowid IN (SELECT rowid FROM _idempotency WHERE created_at <= ? ORDER BY created_at LIMIT 500)",
    params: [now - KEPT_MS],
  }
}
