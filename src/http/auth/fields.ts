/** Fields that the bodies of several routes share. */

import * as z from "zod"
import { normalEmail } from "../../auth/users.ts"

const MOST_EMAIL = 254
const MOST_NAME = 200
/** Longer than any password that is accepted, so that its own check says what is wrong. */
const MOST_PASSWORD_UNITS = 1_024
const MOST_SECRET = 512

export const email = z.string().max(MOST_EMAIL).transform(normalEmail).pipe(z.email())
export const password = z.string().min(1).max(MOST_PASSWORD_UNITS)
export const name = z
  .string()
  .trim()
  .min(1)
  .max(MOST_NAME)
  .refine((text) => text.isWellFormed() && !text.includes("\0"), "must hold neither half a surrogate pair nor U+0000")
/** A secret that the server made: a token, a ticket, a typed code. */
export const secret = z.string().min(1).max(MOST_SECRET)
/** PKCE S256 (RFC 7636): the SHA-256 of the verifier. */
export const codeChallenge = z.string().regex(/^[\w-]{43}$/, "must be a SHA-256 as base64url without padding")
export const codeVerifier = z.string().regex(/^[\w.~-]{43,128}$/, "must be 43 to 128 unreserved characters")
