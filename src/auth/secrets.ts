/** Keys derived from the Worker's secret, one for each purpose, and the hashes under which secrets are stored. */

import { base64url } from "jose"
import { createKeyCipher } from "./key-cipher.ts"

/** What a derived key is for; a value made for one purpose says nothing for another. */
export type KeyPurpose = "password pepper" | "refresh token" | "typed code" | "totp seed"

/** Bytes of a secret that isn't typed by hand. */
const SECRET_BYTES = 32
const KEY_ID_LENGTH = 8

/** What one Worker secret gives. */
export interface SecretKey {
  /** Names the secret in stored values; tells nothing about it. */
  readonly id: string
  /** HMAC-SHA-256, base64url. */
  mac(purpose: KeyPurpose, text: string): Promise<string>
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
export async function createSecrets(current: string, previous?: string): Promise<Secrets> {
  const keys = await Promise.all([current, ...(previous ? [previous] : [])].map(createSecretKey))
  return { current: keys[0]!, all: keys }
}

async function createSecretKey(secret: string): Promise<SecretKey> {
  const macKeys = new Map<KeyPurpose, CryptoKey>()
  const cipher = (purpose: KeyPurpose) => createKeyCipher(secret, `selvedge ${purpose}`)
  cipher("totp seed")
  return {
    id: (await sha256(`selvedge key id:${secret}`)).slice(0, KEY_ID_LENGTH),
    async mac(purpose, text) {
      const key = macKeys.get(purpose) ?? (await deriveMacKey(secret, purpose))
      macKeys.set(purpose, key)
      return base64url.encode(new Uint8Array(await crypto.subtle.sign("HMAC", key, encode(text))))
    },
    encrypt: (purpose, context, text) => cipher(purpose).encrypt(context, text),
    decrypt: (purpose, context, sealed) => cipher(purpose).decrypt(context, sealed),
  }
}

async function deriveMacKey(secret: string, purpose: KeyPurpose): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", encode(secret), "HKDF", false, ["deriveKey"])
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: encode(`selvedge ${purpose}`) },
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign"],
  )
}

/** 256 random bits, base64url. */
export function randomSecret(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))
}

/** base64url. */
export async function sha256(text: string): Promise<string> {
  return base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", encode(text))))
}

/** Compares in constant time what may be of unequal length. */
export async function isEqual(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([a, b].map((text) => crypto.subtle.digest("SHA-256", encode(text))))
  return crypto.subtle.timingSafeEqual(left!, right!)
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
