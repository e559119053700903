/** Whether a message comes from who holds the secret, and when it was sent. Loaded with the first message. */

import { createHmac } from "node:crypto"
import { Webhook } from "standardwebhooks"
import { isEqual, sha256 } from "../auth/secrets.ts"
import type { IncomingScheme, StoredMessage } from "./incoming.ts"

/** How far the sender's clock and ours may be apart, and how long a message may travel. */
export const TOLERANCE_MS = 5 * 60_000
const ID = /^[\x21-\x7e]{1,255}$/
/** A header may name several signatures, of several secrets; more than these are noise. */
const MOST_SIGNATURES = 10

interface Signed {
  readonly id: string
  /** Seconds since 1970, as written. */
  readonly time: string
  readonly signatures: readonly string[]
  /** The signature that the holder of `secret` makes. */
  sign(secret: string): string
}

const SCHEMES: Readonly<Record<IncomingScheme, (headers: Headers, text: string) => Signed>> = {
  standard: readStandard,
  stripe: readStripe,
}

/**
 * @param text The body as it was sent.
 * @param secrets Any of them may have signed it.
 * @returns Nothing where no signature is good, or the message is too old or of the future.
 * @throws TypeError for a secret that can't be one.
 */
export function verifyMessage(
  scheme: IncomingScheme,
  secrets: readonly string[],
  headers: Headers,
  text: string,
  now: number,
): StoredMessage | undefined {
  const signed = SCHEMES[scheme](headers, text)
  const at = /^\d{1,12}$/.test(signed.time) ? Number(signed.time) * 1_000 : Number.NaN
  if (!ID.test(signed.id) || !(Math.abs(now - at) <= TOLERANCE_MS)) return undefined
  const isGood = secrets.some((secret) => {
    const expected = signed.sign(secret)
    return signed.signatures.some((signature) => isEqual(signature, expected))
  })
  return isGood ? { id: signed.id, at, body: parse(text) } : undefined
}

/** Standard Webhooks 1.0; https://www.standardwebhooks.com */
function readStandard(headers: Headers, text: string): Signed {
  const id = headers.get("webhook-id") ?? ""
  const time = headers.get("webhook-timestamp") ?? ""
  return {
    id,
    time,
    signatures: (headers.get("webhook-signature") ?? "").split(" ").filter(Boolean).slice(0, MOST_SIGNATURES),
    sign(secret) {
      try {
        return new Webhook(secret).sign(id, new Date(Number(time) * 1_000), text)
      } catch {
        throw new TypeError("a secret of Standard Webhooks is whsec_ and base64")
      }
    },
  }
}

/** https://docs.stripe.com/webhooks#verify-manually; `v0` is of Stripe's test mode and proves nothing. */
function readStripe(headers: Headers, text: string): Signed {
  const parts = (headers.get("Stripe-Signature") ?? "").split(",").map((part) => part.trim().split("=", 2))
  const valuesOf = (key: string) => parts.filter(([name]) => name === key).map(([, value]) => value ?? "")
  const time = valuesOf("t")[0] ?? ""
  return {
    id: eventId(text) ?? sha256(`${time}.${text}`),
    time,
    signatures: valuesOf("v1").slice(0, MOST_SIGNATURES),
    sign: (secret) => createHmac("sha256", secret).update(`${time}.${text}`).digest("hex"),
  }
}

/** A body without an id of its own is known by what was signed: only the very same request repeats it. */
function eventId(text: string): string | undefined {
  const { id } = (parse(text) ?? {}) as { id?: unknown }
  return typeof id === "string" && ID.test(id) ? id : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
