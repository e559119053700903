/** Keys derived from the Worker's secret, one for each purpose, and the hashes under which secrets are stored. */

import { createHash, createHmac, hkdfSync } from "node:crypto"
import { base64url } from "jose"
import { createKeyCipher } from "./key-cipher.ts"

/** What a derived key is for; a value made for one purpose says nothing for another. */
export type KeyPurpose =
  | "password pepper"
  | "refresh token"
  | "typed code"
  | "totp seed"
  | "provider nonce"
  | "provider code verifier"
  | "webhook secret"
  | "live place"

/** Bytes of a secret that isn't typed by hand. */
const SECRET_BYTES = 32
const KEY_BYTES = 32
const KEY_ID_LENGTH = 8

/** What one Worker secret gives. */
export interface SecretKey {
  /** Names the secret in stored values; tells nothing about it. */
  readonly id: string
  /** HMAC-SHA-256, base64url. */
  mac(purpose: KeyPurpose, text: string): string
  /** AES-GCM, bound to `context`; base64url. */
  encrypt(purpose: KeyPurpose, context: string, text: string): Promise<string>
  /** Undefined when it was encrypted under another secret, purpose or context, or changed since. */
  decrypt(purpose: KeyPurpose, context: string, sealed: string): Promise<string | undefined>
}

/** The newest secret writes; the earlier one is still read after a rotation. */
export interface Secrets {
  readonly current: SecretKey
  /** Newest first. */
  readonly all: readonly SecretKey[]
}

/**
 * @param previous The secret before the last rotation.
 * @throws TypeError when a secret has fewer than 32 characters.
 */
export function createSecrets(current: string, previous?: string): Secrets {
  const newest = createSecretKey(current)
  return { current: newest, all: previous ? [newest, createSecretKey(previous)] : [newest] }
}

function createSecretKey(secret: string): SecretKey {
  const cipher = (purpose: KeyPurpose) => createKeyCipher(secret, `selvedge ${purpose}`)
  cipher("totp seed")
  const macKeys = new Map<KeyPurpose, Uint8Array>()
  return {
    id: sha256(`selvedge key id:${secret}`).slice(0, KEY_ID_LENGTH),
    mac(purpose, text) {
      const key =
        macKeys.get(purpose) ?? new Uint8Array(hkdfSync("sha256", secret, "", `selvedge ${purpose}`, KEY_BYTES))
      macKeys.set(purpose, key)
      return createHmac("sha256", key).update(text).digest("base64url")
    },
    encrypt: (purpose, context, text) => cipher(purpose).encrypt(context, text),
    decrypt: (purpose, context, sealed) => cipher(purpose).decrypt(context, sealed),
  }
}

/** 256 random bits, base64url. */
export function randomSecret(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))
}

/** base64url. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url")
}

/** Compares in constant time what may be of unequal length. */
export function isEqual(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest())
  return crypto.subtle.timingSafeEqual(left!, right!)
}
