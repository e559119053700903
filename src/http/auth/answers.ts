/** How a signed-in client is answered: tokens in the body, or the refresh token in a cookie of the same site. */

import type { Context, MiddlewareHandler } from "hono"
import { getCookie, setCookie } from "hono/cookie"
import * as z from "zod"
import type { AuthContext } from "../../auth/context.ts"
import { isSession, type SignedIn } from "../../auth/sign-in.ts"
import { SelvedgeError } from "../../core/problem.ts"
import type { AppEnv } from "../context.ts"
import { isFromListedOrigin } from "../origin.ts"

const COOKIE = "__Host-selvedge"

export const userSchema = z.object({
  id: z.uuid(),
  email: z.string().nullable(),
  emailVerified: z.boolean(),
  name: z.string().nullable(),
  roles: z.array(z.string()),
  isAnonymous: z.boolean(),
  mfa: z.boolean(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
})

export const sessionSchema = z.object({
  user: userSchema,
  accessToken: z.string(),
  tokenType: z.literal("Bearer"),
  expiresIn: z.int(),
  refreshToken: z.string().optional(),
})

export const signedInSchema = z.union([
  sessionSchema,
  z.object({ mfa: z.object({ ticket: z.string(), methods: z.array(z.enum(["totp", "recovery"])) }) }),
])

/** `?cookie=true` puts the refresh token into a cookie instead of the body. */
export const cookieQuery = z.strictObject({ cookie: z.enum(["true", "false"]).optional() })

/**
 * A session of a new account is 201; a ticket for the second factor is always 200.
 *
 * @param fromCookie The refresh token came in the cookie, and leaves in it: no script of the site may get to see it.
 */
export function answerSignedIn(
  c: Context<AppEnv>,
  context: AuthContext,
  signedIn: SignedIn,
  status: 200 | 201 = 200,
  fromCookie = false,
) {
  if (!isSession(signedIn)) return c.json({ mfa: { ticket: signedIn.ticket, methods: signedIn.methods } })
  const { user, accessToken, expiresIn, refreshToken } = signedIn
  const inCookie = fromCookie || wantsCookie(c)
  if (inCookie) writeCookie(c, refreshToken, Math.floor(context.settings.absoluteMs / 1000))
  const body = { user, accessToken, tokenType: "Bearer", expiresIn, ...(!inCookie && { refreshToken }) }
  return c.json(body, status)
}

/**
 * The refresh token of the cookie. A browser sends it by itself, so whoever asks must be a listed site.
 *
 * @throws SelvedgeError `forbidden` without a listed `Origin`
 */
export function readCookie(c: Context<AppEnv>, origins: readonly string[]): string | undefined {
  const token = getCookie(c, COOKIE)
  if (token === undefined) return undefined
  requireListedOrigin(c, origins)
  return token
}

/**
 * Stands before all routes that can write the cookie: another site can't make a browser take one, which would sign its
 * user out, or in to the account of somebody else.
 */
export function protectCookie(origins: readonly string[]): MiddlewareHandler<AppEnv> {
  return (c, next) => {
    if (wantsCookie(c)) requireListedOrigin(c, origins)
    return next()
  }
}

function requireListedOrigin(c: Context<AppEnv>, origins: readonly string[]): void {
  if (isFromListedOrigin(c.req.raw, origins)) return
  throw new SelvedgeError("forbidden", "A request with the cookie needs the Origin of a listed site.")
}

function wantsCookie(c: Context<AppEnv>): boolean {
  return c.req.query("cookie") === "true"
}

export function clearCookie(c: Context<AppEnv>): void {
  if (getCookie(c, COOKIE) !== undefined) writeCookie(c, "", 0)
}

function writeCookie(c: Context<AppEnv>, value: string, maxAge: number): void {
  setCookie(c, COOKIE, value, { path: "/", secure: true, httpOnly: true, sameSite: "Strict", maxAge })
}
