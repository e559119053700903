/** The end of a sign-in that led through a page of ours: a code for the site, of use to the one who began it alone. */

import { SelvedgeError } from "../core/problem.ts"
import { readFailure } from "../db/errors.ts"
import type { Query } from "../db/query.ts"
import { OWNER_COLUMNS, readOwner, signInOwner } from "./address-owner.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { hashOf, type Minted, mint, readRedeemed, redeemQuery, refuseSecret } from "./one-time.ts"
import { isEqual, sha256 } from "./secrets.ts"
import { anonymousCaller, type SignedIn, signIn } from "./sign-in.ts"
import { addressTaken, openAccount } from "./sign-up.ts"

/** Facts of an account that comes into being with the session. */
export interface NewAccount {
  readonly email: string | null
  readonly emailVerified: boolean
  readonly name: string | null
  /** The provider's user that signs in to it from now on. */
  readonly identity?: { readonly issuer: string; readonly subject: string }
}

/** Who came back: a known account, whoever has an address, or somebody new. */
export type Arrival = { readonly userId: string } | { readonly email: string } | { readonly newAccount: NewAccount }

export interface Exchange {
  readonly arrival: Arrival
  /** How they proved who they are. */
  readonly method: string
  /** PKCE S256 (RFC 7636) of the site. */
  readonly codeChallenge: string
}

/** @returns The code for the site, which goes into the address of the redirect, and what stores its hash. */
export function mintExchange({ now }: Pick<AuthContext, "now">, exchange: Exchange): Minted {
  const { arrival } = exchange
  return mint(now(), {
    purpose: "exchange",
    userId: "userId" in arrival ? arrival.userId : null,
    payload: { ...exchange },
  })
}

/**
 * Two trips. A code that came with the wrong verifier is gone: whoever sent it has stolen it.
 *
 * @throws SelvedgeError `invalid_credentials`
 */
export async function redeemExchange(context: AuthContext, code: string, codeVerifier: string): Promise<SignedIn> {
  const [owners, codes] = await context.db.write([
    {
      sql: `SELECT ${OWNER_COLUMNS} FROM _one_time o JOIN _users u ON u.email = o.payload ->> '$.arrival.email'
WHERE o.purpose = 'exchange' AND o.hash = ?`,
      params: [hashOf("exchange", code)],
    },
    redeemQuery("exchange", code, context.now()),
  ])
  const redeemed = readRedeemed(codes![0])
  if (!redeemed) throw refuseSecret("code")
  const { arrival, method, codeChallenge } = redeemed.payload as unknown as Exchange
  if (!isEqual(sha256(codeVerifier), codeChallenge)) {
    const userId = redeemed.userId ?? (owners![0]?.userId as string | undefined) ?? null
    const detail = { method, reason: "verifier" }
    context.writeLater([eventQuery(context, { event: "sign_in", userId, result: "refused", detail })])
    throw refuseSecret("code")
  }
  if ("userId" in arrival) return signIn(context, { userId: arrival.userId, amr: [method], aal: 1 })
  if ("email" in arrival) return signInOwner(context, readOwner(arrival.email, owners![0]), method)
  return signInNewcomer(context, arrival.newAccount, method)
}

async function signInNewcomer(context: AuthContext, facts: NewAccount, method: string): Promise<SignedIn> {
  const { identity, ...user } = facts
  const account = openAccount(context, user, anonymousCaller(context))
  const linked = identity ? linkQueries(context, account.id, { ...identity, email: user.email }) : []
  const proof = { userId: account.id, amr: [method], aal: 1 } as const
  try {
    return await signIn(context, proof, {
      event: "sign_up",
      mergeFrom: account.id,
      before: [...account.queries, ...linked],
    })
  } catch (error) {
    const failure = readFailure(error)
    if (failure.kind === "unique") throw addressTaken(error)
    if (failure.kind !== "guard" || failure.code !== "not_anonymous") throw error
    throw new SelvedgeError("conflict", "This account is no anonymous one any more.", { cause: error })
  }
}

function linkQueries(
  context: AuthContext,
  userId: string,
  identity: { issuer: string; subject: string; email: string | null },
): Query[] {
  const { issuer, subject, email } = identity
  return [
    {
      sql: "INSERT INTO _identities (issuer, subject, user_id, email, created_at) VALUES (?, ?, ?, ?, ?)",
      params: [issuer, subject, userId, email, context.now()],
    },
    eventQuery(context, { event: "identity_linked", userId, detail: { issuer } }),
  ]
}
