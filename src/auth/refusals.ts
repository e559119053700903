/** Why a caller isn't let in, with the challenge that RFC 6750 asks for. */

import { SelvedgeError } from "../core/problem.ts"

/** `WWW-Authenticate` of a 401 that isn't about a token: none was sent, or another scheme (RFC 6750 §3.1). */
export const CHALLENGE = 'Bearer realm="selvedge"'

export function refuseToken(message: string, cause?: unknown): SelvedgeError {
  return new SelvedgeError("unauthenticated", message, { headers: challenge(message), cause })
}

export function refuseExpired(cause: unknown): SelvedgeError {
  const message = "The access token has expired"
  return new SelvedgeError("token_expired", message, { headers: challenge(message), cause })
}

export function refuseEnded(cause?: unknown): SelvedgeError {
  return refuseToken("The session has ended", cause)
}

export function refuseScheme(): SelvedgeError {
  return new SelvedgeError("unauthenticated", "Authorization takes one Bearer token", {
    headers: { "WWW-Authenticate": CHALLENGE },
  })
}

function challenge(message: string): Record<string, string> {
  return { "WWW-Authenticate": `Bearer error="invalid_token", error_description="${message}"` }
}
