/** Sign-in with a code by mail: six digits, few attempts, and the same work for known and unknown addresses. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import { ownerQuery, readOwner, signInOwner } from "./address-owner.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { orderMail } from "./mail-orders.ts"
import type { MintedForMail } from "./mailed-secrets.ts"
import { hashOf, LIFETIME_MS, voidOlder } from "./one-time.ts"
import { isEqual, type SecretKey, type Secrets } from "./secrets.ts"
import type { SignedIn } from "./sign-in.ts"

const CODES = 1_000_000
const DIGITS = 6
/** Wrong codes after which the right one is dead too. */
const MOST_ATTEMPTS = 5
/** RFC 8176 has no name for it. */
const METHOD = "email-code"

/** One trip. An earlier code is void at once, and one that waits for its mail as well: it would void this one. */
export async function mailCode(context: AuthContext, email: string): Promise<void> {
  await context.guessing.count("mail", email)
  const mail = orderMail(context, "sign-in-code", { to: email, subject: email })
  await context.db.write([voidCode(email), ...mail.queries])
  mail.committed()
}

/** For the mail's job. The code takes the place of an earlier one, whose attempts are forgotten with it. */
export function mintCode({ current }: Secrets, now: number, email: string): MintedForMail {
  const code = randomCode()
  return {
    secret: code,
    hash: keyOf(email),
    payload: JSON.stringify({ mac: macOf(current, email, code) }),
    subject: null,
    expiresAt: now + LIFETIME_MS["sign-in-code"],
  }
}

/** Each code is as likely as any other: a number that doesn't divide evenly is thrown again. */
function randomCode(): string {
  const [number] = crypto.getRandomValues(new Uint32Array(1))
  if (number! >= Math.floor(2 ** 32 / CODES) * CODES) return randomCode()
  return String(number! % CODES).padStart(DIGITS, "0")
}

/**
 * Two trips; one for a wrong code.
 *
 * @throws SelvedgeError `invalid_credentials` or `rate_limited`
 */
export async function signInWithCode(context: AuthContext, email: string, code: string): Promise<SignedIn> {
  const signedIn = await context.guessing.guess("emailCode", email, async () => {
    const value = await tryCode(context, email, code)
    return { ok: value !== undefined, value }
  })
  if (signedIn) return signedIn
  const message = "is not right, was used before, or is too old"
  throw new SelvedgeError("invalid_credentials", `The code ${message}.`, {
    errors: [{ pointer: "/code", code: "invalid_value", message }],
  })
}

/** The attempt is counted before anything is compared, so that of many at once no more than the limit are. */
async function tryCode(context: AuthContext, email: string, code: string): Promise<SignedIn | undefined> {
  const { db, secrets } = context
  const [counted, owners] = await db.write([
    {
      sql: `UPDATE _one_time SET attempts = attempts + 1
WHERE purpose = 'sign-in-code' AND hash = ? AND attempts < ${MOST_ATTEMPTS} AND expires_at > ?
RETURNING payload ->> '$.mac' AS mac`,
      params: [keyOf(email), context.now()],
    },
    ownerQuery(email),
  ])
  const mac = counted![0]?.mac as string | undefined
  const owner = readOwner(email, owners![0])
  if (mac !== undefined && secrets.all.some((secret) => isEqual(mac, macOf(secret, email, code)))) {
    const signedIn = await finish(context, owner, mac)
    if (signedIn) return signedIn
  }
  const refusal = { userId: owner.userId ?? null, result: "refused", detail: { method: METHOD } } as const
  context.writeLater([eventQuery(context, { event: "sign_in", ...refusal })])
  return undefined
}

/** @returns Undefined when a parallel attempt was faster, or a newer code was sent meanwhile. */
async function finish(
  context: AuthContext,
  owner: ReturnType<typeof readOwner>,
  mac: string,
): Promise<SignedIn | undefined> {
  try {
    return await signInOwner(context, owner, METHOD, takeCode(owner.email, mac))
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind === "guard" && failure.code === "used_secret") return undefined
    throw error
  }
}

function takeCode(email: string, mac: string): Query[] {
  return [
    {
      sql: "DELETE FROM _one_time WHERE purpose = 'sign-in-code' AND hash = ? AND payload ->> '$.mac' = ? RETURNING 1",
      params: [keyOf(email), mac],
    },
    guard("SELECT 'used_secret' WHERE changes() = 0", []),
  ]
}

/** The one that was mailed. */
function voidCode(email: string): Query {
  return { sql: "DELETE FROM _one_time WHERE purpose = 'sign-in-code' AND hash = ?", params: [keyOf(email)] }
}

/** Those that were mailed, and those that wait to be. */
export function voidCodes(email: string): Query[] {
  return [voidCode(email), ...voidOlder("sign-in-code", email)]
}

/** The row is found by the address: codes are so few that two people have the same one. */
function keyOf(email: string): string {
  return hashOf("sign-in-code", email)
}

/** Under the Worker's secret: a plain hash of six digits is undone by trying them all. */
function macOf(secret: SecretKey, email: string, code: string): string {
  return secret.mac("typed code", `${email}:${code}`)
}
