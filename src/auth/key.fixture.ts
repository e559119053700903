/** What the tests of this folder share: a database that counts, and signing keys whose private part they hold. */

import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose"
import { createKeyCipher } from "./key-cipher.ts"

export const SECRET = "a secret for tests, with more than 32 characters"
export const ADA = "0199aaaa-0000-7000-8000-000000000001"
export const START = Date.UTC(2026, 10, 20, 12)

/** A clock that a test moves. */
export function createClock(): { now: () => number; advance(ms: number): void } {
  let at = START
  return {
    now: () => at,
    advance: (ms) => {
      at += ms
    },
  }
}

/** The database, counting the round trips through its sessions. */
export function countTrips(db: D1Database): { db: D1Database; trips(): number } {
  let trips = 0
  const counting = new Proxy(db, {
    get(target, name) {
      if (name !== "withSession") throw new Error(`signing keys are read through a session, not ${String(name)}`)
      return (constraint: string) => {
        if (constraint !== "first-primary") throw new Error(`signing keys are read from the primary, not ${constraint}`)
        trips++
        return target.withSession(constraint)
      }
    },
  })
  return { db: counting, trips: () => trips }
}

export interface InsertedKey {
  kid: string
  privateKey: CryptoKey
  publicJwk: JWK
}

/** Stores a key as the engine would, and hands out its private part, to forge with. */
export async function insertKey(
  db: D1Database,
  options: { signsFrom?: number; retiredAt?: number; secret?: string } = {},
): Promise<InsertedKey> {
  const pair = await generateKeyPair("ES256", { extractable: true })
  const publicJwk = await exportJWK(pair.publicKey)
  const kid = await calculateJwkThumbprint(publicJwk)
  const sealed = await createKeyCipher(options.secret ?? SECRET).encrypt(
    kid,
    JSON.stringify(await exportJWK(pair.privateKey)),
  )
  await db
    .prepare(
      "INSERT INTO _signing_keys (kid, alg, public_jwk, private_jwk, signs_from, retired_at) VALUES (?, 'ES256', ?, ?, ?, ?)",
    )
    .bind(kid, JSON.stringify(publicJwk), sealed, options.signsFrom ?? START, options.retiredAt ?? null)
    .run()
  return { kid, privateKey: pair.privateKey, publicJwk }
}

/** The refusal that `run` ends with, thrown at once or later. */
export async function refusalOf(run: () => unknown): Promise<unknown> {
  try {
    await run()
  } catch (error) {
    return error
  }
  throw new Error("nothing was refused")
}
