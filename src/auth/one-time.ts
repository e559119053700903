/**
 * Secrets that are used once. Each has one purpose and, but for typed codes, 256 random bits; only its hash is stored.
 */

import { SelvedgeError } from "../core/problem.ts"
import { guard } from "../db/guard.ts"
import type { Query, ResultRow } from "../db/query.ts"
import type { AuthContext } from "./context.ts"
import { randomSecret, sha256 } from "./secrets.ts"

const MINUTE_MS = 60_000

/** How long each lives, in milliseconds. A secret of one purpose says nothing to another. */
export const LIFETIME_MS = {
  "verify-email": 24 * 60 * MINUTE_MS,
  "sign-in-link": 15 * MINUTE_MS,
  "sign-in-code": 10 * MINUTE_MS,
  "reset-password": 15 * MINUTE_MS,
  invite: 24 * 60 * MINUTE_MS,
  exchange: MINUTE_MS,
  mfa: 5 * MINUTE_MS,
  "oauth-state": 10 * MINUTE_MS,
  "link-identity": MINUTE_MS,
  "passkey-registration": 5 * MINUTE_MS,
  "passkey-sign-in": 5 * MINUTE_MS,
} as const

export type OneTimePurpose = keyof typeof LIFETIME_MS

export interface OneTime<P extends OneTimePurpose> {
  readonly purpose: P
  readonly userId?: string | null
  /** A newer secret of the same purpose and subject takes the place of the older one. */
  readonly subject?: string
  /** Leaves the older ones of the subject as they are. */
  readonly besideOlder?: boolean
  /** What is found again at redemption; never a secret that could be used elsewhere. */
  readonly payload?: Readonly<Record<string, unknown>>
}

export interface Minted {
  readonly secret: string
  readonly queries: readonly Query[]
}

/** @returns The secret, to be sent and forgotten, and the statements that store its hash. */
export function mint<P extends OneTimePurpose>(now: number, what: OneTime<P>): Minted {
  const secret = randomSecret()
  const { purpose, userId = null, subject = null, besideOlder = false, payload = {} } = what
  return {
    secret,
    queries: [
      ...(besideOlder ? [] : voidOlder(purpose, subject)),
      {
        sql: "INSERT INTO _one_time (purpose, hash, user_id, subject, payload, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
        params: [
          purpose,
          hashOf(purpose, secret),
          userId,
          subject,
          JSON.stringify(payload),
          now + LIFETIME_MS[purpose],
        ],
      },
    ],
  }
}

export function voidOlder(purpose: OneTimePurpose, subject: string | null): Query[] {
  if (subject === null) return []
  return [{ sql: "DELETE FROM _one_time WHERE purpose = ? AND subject = ?", params: [purpose, subject] }]
}

export interface Redeemed {
  readonly userId: string | null
  readonly payload: Record<string, unknown>
}

/** Takes the secret out of the table: of parallel redemptions exactly one gets it. One trip. */
export async function redeem(
  { db, now }: Pick<AuthContext, "db" | "now">,
  purpose: OneTimePurpose,
  secret: string,
): Promise<Redeemed | undefined> {
  const [rows] = await db.write([redeemQuery(purpose, secret, now())])
  return readRedeemed(rows![0])
}

/** For redemptions that are part of a batch. */
export function redeemQuery(purpose: OneTimePurpose, secret: string, now: number): Query {
  return {
    sql: `DELETE FROM _one_time WHERE purpose = ? AND hash = ? AND expires_at > ?
RETURNING user_id AS "userId", payload`,
    params: [purpose, hashOf(purpose, secret), now],
  }
}

/** For the head of a batch that does what the secret is for: aborts it with the guard `used_secret` if it is gone. */
export function takeQueries(purpose: OneTimePurpose, secret: string, now: number): Query[] {
  return [redeemQuery(purpose, secret, now), guard("SELECT 'used_secret' WHERE changes() = 0", [])]
}

/** One answer for secrets that are unknown, used up, too old, or of another purpose. */
export function refuseSecret(field: "token" | "code", cause?: unknown): SelvedgeError {
  const message = "is not valid, was used before, or is too old"
  return new SelvedgeError("invalid_credentials", `The ${field} ${message}.`, {
    errors: [{ pointer: `/${field}`, code: "invalid_value", message }],
    cause,
  })
}

export function readRedeemed(row: ResultRow | undefined): Redeemed | undefined {
  return row && { userId: row.userId as string | null, payload: JSON.parse(row.payload as string) }
}

export function hashOf(purpose: OneTimePurpose, secret: string): string {
  return sha256(`${purpose}:${secret}`)
}
