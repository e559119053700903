/** Codes of authenticator apps (RFC 6238), in the form that every app knows, and the seeds they are made of. */

import { createHmac } from "node:crypto"
import { Secret, TOTP } from "otpauth/bare"
import type { Secrets } from "./secrets.ts"

const SEED_BYTES = 20
/** What apps take for granted, whatever the URI says. */
const FORM = { algorithm: "SHA1", digits: 6, period: 30, hmac: hmacSha1 }
/** Steps by which an app's clock may be ahead or behind. */
const WINDOW = 1

/** Base32, as apps take it when it is typed. */
export function newSeed(): string {
  return new Secret({ buffer: crypto.getRandomValues(new Uint8Array(SEED_BYTES)).buffer }).base32
}

/** What a QR code holds; every app shows issuer and label beside its code. */
export function totpUri(seed: string, issuer: string, label: string): string {
  return new TOTP({ ...FORM, issuer, label, secret: seed }).toString()
}

/** @returns The time step that the code belongs to; undefined when it belongs to none near `now`. */
export function stepOf(seed: string, typed: string, now: number): number | undefined {
  const token = typed.replace(/[\s-]/g, "")
  if (!/^\d{6}$/.test(token)) return undefined
  const delta = TOTP.validate({ ...FORM, token, secret: Secret.fromBase32(seed), timestamp: now, window: WINDOW })
  return delta === null ? undefined : TOTP.counter({ period: FORM.period, timestamp: now }) + delta
}

function hmacSha1(_algorithm: string, key: Uint8Array, message: Uint8Array): Uint8Array {
  return createHmac("sha1", key).update(message).digest()
}

export function sealSeed({ current }: Secrets, userId: string, seed: string): Promise<string> {
  return current.encrypt("totp seed", userId, seed)
}

export interface OpenedSeed {
  readonly seed: string
  /** The same under the newest secret, where it was sealed under the one before. */
  readonly resealed: string | undefined
}

/** @throws Error when no secret opens it: the Worker's secret was changed without the one before. */
export async function openSeed(secrets: Secrets, userId: string, sealed: string): Promise<OpenedSeed> {
  for (const key of secrets.all) {
    const seed = await key.decrypt("totp seed", userId, sealed)
    if (seed !== undefined) {
      return { seed, resealed: key === secrets.current ? undefined : await sealSeed(secrets, userId, seed) }
    }
  }
  throw new Error("A TOTP seed can't be opened: set the Worker's secret from before as the previous one")
}
