/** Encrypts private signing keys at rest: AES-GCM under a key derived from the Worker's secret. */

import { base64url } from "jose"

/** Characters; `npm run dev` writes 43. */
const MIN_SECRET_LENGTH = 32
/** Bytes, as NIST SP 800-38D recommends for AES-GCM. */
const IV_BYTES = 12
const PURPOSE = "selvedge signing keys"

export interface KeyCipher {
  /** @returns base64url of the initialisation vector and the ciphertext, bound to `kid`. */
  encrypt(kid: string, text: string): Promise<string>
  /** Undefined when the text was encrypted under another secret, for another `kid`, or changed since. */
  decrypt(kid: string, sealed: string): Promise<string | undefined>
}

/** @throws TypeError when the secret is too short to derive a key from. */
export function createKeyCipher(secret: string): KeyCipher {
  if (typeof secret !== "string" || secret.length < MIN_SECRET_LENGTH) {
    throw new TypeError(
      `SELVEDGE_SECRET: at least ${MIN_SECRET_LENGTH} characters are needed; run npm run dev, or set SELVEDGE_SECRET`,
    )
  }
  return {
    async encrypt(kid, text) {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
      const sealed = await crypto.subtle.encrypt(parameters(iv, kid), await deriveKey(secret), encode(text))
      const whole = new Uint8Array(IV_BYTES + sealed.byteLength)
      whole.set(iv)
      whole.set(new Uint8Array(sealed), IV_BYTES)
      return base64url.encode(whole)
    },
    async decrypt(kid, sealed) {
      try {
        const whole = base64url.decode(sealed)
        const iv = whole.subarray(0, IV_BYTES)
        const text = await crypto.subtle.decrypt(parameters(iv, kid), await deriveKey(secret), whole.subarray(IV_BYTES))
        return new TextDecoder().decode(text)
      } catch {
        return undefined
      }
    },
  }
}

async function deriveKey(secret: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", encode(secret), "HKDF", false, ["deriveKey"])
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: encode(PURPOSE) },
    material,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  )
}

function parameters(iv: Uint8Array, kid: string) {
  return { name: "AES-GCM", iv, additionalData: encode(kid) }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
