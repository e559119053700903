/** From what a provider says of a person to an identity within bounds. */

import { type Identity, ProviderError } from "./provider.ts"

/** RFC 5321 §4.5.3.1.3, without the angle brackets. */
const LONGEST_EMAIL = 254
const LONGEST_NAME = 200
/** OpenID Connect Core §2: at most 255 ASCII characters. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/

/** Unchecked, as it came over the wire. */
export interface ClaimedIdentity {
  issuer: string
  subject: string
  email: unknown
  emailVerified: unknown
  name: unknown
}

/** @throws ProviderError `provider_answer_invalid` for a subject out of bounds; other claims out of bounds are left out. */
export function createIdentity(claimed: ClaimedIdentity): Identity {
  if (!SUBJECT.test(claimed.subject)) {
    throw new ProviderError("provider_answer_invalid", "the subject is not 1 to 255 ASCII characters")
  }
  const email = readEmail(claimed.email)
  const name = readName(claimed.name)
  return {
    issuer: claimed.issuer,
    subject: claimed.subject,
    ...(email !== undefined && { email }),
    emailVerified: email !== undefined && isTrue(claimed.emailVerified),
    ...(name !== undefined && { name }),
  }
}

/** ASCII alone: other letters can look like, or fold to, those of somebody else's address. */
function readEmail(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= LONGEST_EMAIL && /^[!-?A-~]+@[!-?A-~]+$/.test(value)
    ? value
    : undefined
}

function readName(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined
  const name = value.replace(/\p{Cc}+/gu, " ").trim()
  return name.slice(0, LONGEST_NAME).toWellFormed() || undefined
}

/** Apple, AWS and the examples of Google's documentation write the text "true". */
function isTrue(value: unknown): boolean {
  return value === true || value === "true"
}
