/** From the `Authorization` header to the caller. */

import { ANONYMOUS, type Caller } from "../core/caller.ts"
import { isKey, type Keys } from "./keys.ts"
import { refuseScheme } from "./refusals.ts"
import type { Tokens } from "./tokens.ts"

/** The credentials of RFC 6750 §2.1; two headers arrive joined by a comma, and match nothing. */
const BEARER = /^Bearer +([\w.~+/-]+=*)$/i

/**
 * Whoever sends no header is anonymous; whoever sends a bad one is refused, never taken for anonymous.
 *
 * @returns At once, and without I/O, when this isolate has seen the token before, or the key within seconds.
 * @throws SelvedgeError `unauthenticated` or `token_expired`, with `WWW-Authenticate`.
 */
export function authenticate(
  authorization: string | null,
  tokens: Pick<Tokens, "verify">,
  keys: Pick<Keys, "verify">,
): Caller | Promise<Caller> {
  if (authorization === null) return ANONYMOUS
  const token = tokenOf(authorization)
  if (!token) throw refuseScheme()
  return (isKey(token) ? keys : tokens).verify(token)
}

/** Whether the database will be asked who this is, each time anew where it is nobody. */
export function needsLookup(authorization: string | null, keys: Pick<Keys, "knows">): boolean {
  const token = authorization === null ? undefined : tokenOf(authorization)
  return token !== undefined && isKey(token) && !keys.knows(token)
}

/** The token or the key in the header; undefined where there is none to be found. */
export function tokenOf(authorization: string): string | undefined {
  return BEARER.exec(authorization)?.[1]
}
