/** The end of a sign-in that led through a page of ours: a code for the site, of use to the one who began it alone. */

import { signInOwner } from "./address-owner.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { type ProviderUser, readMatch, signInProviderUser, storedMatchQuery } from "./identities.ts"
import { hashOf, type Minted, mint, readRedeemed, redeemQuery, refuseSecret } from "./one-time.ts"
import { isEqual, sha256 } from "./secrets.ts"
import type { SignedIn } from "./sign-in.ts"

/** Who came back: whoever has an address, or somebody whom a provider has named. */
export type Arrival = { readonly email: string } | { readonly identity: ProviderUser }

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
  const email = "email" in arrival ? arrival.email : arrival.identity.email
  return mint(now(), {
    purpose: "exchange",
    ...(email !== null && { subject: email, besideOlder: true }),
    payload: { ...exchange },
  })
}

/**
 * Two trips. A code that came with the wrong verifier is gone: whoever sent it has stolen it.
 *
 * @throws SelvedgeError `invalid_credentials`
 */
export async function redeemExchange(context: AuthContext, code: string, codeVerifier: string): Promise<SignedIn> {
  const [matches, codes] = await context.db.write([
    storedMatchQuery(hashOf("exchange", code)),
    redeemQuery("exchange", code, context.now()),
  ])
  const redeemed = readRedeemed(codes![0])
  if (!redeemed) throw refuseSecret("code")
  const { arrival, method, codeChallenge } = redeemed.payload as unknown as Exchange
  const match = readMatch(matches![0])
  if (!isEqual(sha256(codeVerifier), codeChallenge)) {
    const userId = match.linkedId ?? match.ownerId
    const detail = { method, reason: "verifier" }
    context.writeLater([eventQuery(context, { event: "sign_in", userId, result: "refused", detail })])
    throw refuseSecret("code")
  }
  if ("email" in arrival) {
    return signInOwner(context, { email: arrival.email, userId: match.ownerId ?? undefined }, method)
  }
  return signInProviderUser(context, arrival.identity, match, method)
}
