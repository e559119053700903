/** Encrypts at rest what must be read again: AES-GCM under a key derived from the Worker's secret. */

import { base64url } from "jose"

/** Characters; `npm run dev` writes 43. */
const MIN_SECRET_LENGTH = 32
/** Bytes, as NIST SP 800-38D recommends for AES-GCM. */
const IV_BYTES = 12
const SIGNING_KEYS = "selvedge signing keys"

export interface KeyCipher {
  /** @returns base64url of the initialisation vector and the ciphertext, bound to `context`. */
  encrypt(context: string, text: string): Promise<string>
  /** Undefined when the text was encrypted under another secret, for another `context`, or changed since. */
  decrypt(context: string, sealed: string): Promise<string | undefined>
}

/**
 * @param purpose Other purposes derive other keys from the same secret.
 * @throws TypeError when the secret is too short to derive a key from.
 */
export function createKeyCipher(secret: string, purpose = SIGNING_KEYS): KeyCipher {
  if (typeof secret !== "string" || secret.length < MIN_SECRET_LENGTH) {
    throw new TypeError(
      `SELVEDGE_SECRET: at least ${MIN_SECRET_LENGTH} characters are needed; run npm run dev, or set SELVEDGE_SECRET`,
    )
  }
  return {
    async encrypt(context, text) {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
      const sealed = await crypto.subtle.encrypt(
        parameters(iv, context),
        await deriveKey(secret, purpose),
        encode(text),
      )
      const whole = new Uint8Array(IV_BYTES + sealed.byteLength)
      whole.set(iv)
      whole.set(new Uint8Array(sealed), IV_BYTES)
      return base64url.encode(whole)
    },
    async decrypt(context, sealed) {
      try {
        const whole = base64url.decode(sealed)
        const iv = whole.subarray(0, IV_BYTES)
        const text = await crypto.subtle.decrypt(
          parameters(iv, context),
          await deriveKey(secret, purpose),
          whole.subarray(IV_BYTES),
        )
        return new TextDecoder().decode(text)
      } catch {
        return undefined
      }
    },
  }
}

async function deriveKey(secret: string, purpose: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", encode(secret), "HKDF", false, ["deriveKey"])
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: encode(purpose) },
    material,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  )
}

function parameters(iv: Uint8Array, context: string) {
  return { name: "AES-GCM", iv, additionalData: encode(context) }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
