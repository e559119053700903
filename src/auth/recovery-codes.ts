/** Recovery codes: for whoever has lost the authenticator. Each works once; only hashes are kept. */

import { Secret } from "otpauth/bare"
import type { Query } from "../db/query.ts"
import { sha256 } from "./secrets.ts"

const CODES = 10
/** 120 bits, so that a plain hash can't be reversed; 24 characters of base32 without padding. */
const CODE_BYTES = 15

/** @returns Ten codes, printed in groups of four. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: CODES }, () => {
    const { base32 } = new Secret({ buffer: crypto.getRandomValues(new Uint8Array(CODE_BYTES)).buffer })
    return base32.match(/.{4}/g)!.join("-")
  })
}

/** Statements that put the codes in the place of all earlier ones. */
export function storeRecoveryCodes(userId: string, codes: readonly string[]): Query[] {
  return [
    dropRecoveryCodes(userId),
    {
      sql: "INSERT INTO _recovery_codes (user_id, hash) SELECT ?, value FROM json_each(?)",
      params: [userId, JSON.stringify(codes.map(hashOf))],
    },
  ]
}

export function dropRecoveryCodes(userId: string): Query {
  return { sql: "DELETE FROM _recovery_codes WHERE user_id = ?", params: [userId] }
}

/** Deletes one row, or none when the code is not (any more) one of the user's. */
export function useRecoveryCode(userId: string, typed: string): Query {
  return { sql: "DELETE FROM _recovery_codes WHERE user_id = ? AND hash = ?", params: [userId, hashOf(typed)] }
}

/** Case, spaces and hyphens don't count: the code may come from paper. */
function hashOf(typed: string): string {
  return sha256(`recovery code:${typed.replace(/[\s-]/g, "").toUpperCase()}`)
}
