/** What is kept while a browser is at a provider, and found again by the state that it brings back. */

import type { AuthContext } from "./context.ts"
import { type Minted, mint, redeem } from "./one-time.ts"
import type { ExpectedCallback } from "./providers/provider.ts"
import { type SecretKey, sha256 } from "./secrets.ts"

/** Why somebody left, and where they come back to. */
export interface Departure {
  /** The provider's name; no other may answer. */
  readonly provider: string
  /** The site's address, which was checked. */
  readonly redirectTo: string
  /** PKCE S256 (RFC 7636) of the site. */
  readonly codeChallenge: string
  /** Our own address that the provider sends the browser to. */
  readonly redirectUri: string
  /** The session that wants another way to sign in; undefined for somebody who signs in. */
  readonly linkTo?: { readonly userId: string; readonly sessionId: string } | undefined
}

/** With what the provider will be held to. */
export interface Departed extends Departure {
  readonly expected: ExpectedCallback
}

/** @returns What the provider will be held to, the PKCE challenge for it, and what stores the state's hash. */
export function mintState({ now, secrets }: Pick<AuthContext, "now" | "secrets">, departure: Departure) {
  const key = secrets.current
  const { secret, queries }: Minted = mint(now(), {
    purpose: "oauth-state",
    userId: departure.linkTo?.userId ?? null,
    payload: { ...departure, key: key.id },
  })
  const expected = expect(key, departure.redirectUri, secret)
  return { expected, challenge: sha256(expected.codeVerifier), queries }
}

/** One trip. @returns Undefined for a state that is unknown, used, too old, or made under a secret that is gone. */
export async function redeemState(context: AuthContext, state: string): Promise<Departed | undefined> {
  const redeemed = await redeem(context, "oauth-state", state)
  if (!redeemed) return undefined
  const { key: keyId, ...departure } = redeemed.payload as unknown as Departure & { key: string }
  const key = context.secrets.all.find(({ id }) => id === keyId)
  return key && { ...departure, expected: expect(key, departure.redirectUri, state) }
}

/** Nonce and verifier are made out of the state, by a key that is not in the database: nothing secret is stored. */
function expect(key: SecretKey, redirectUri: string, state: string): ExpectedCallback {
  return {
    redirectUri,
    state,
    nonce: key.mac("provider nonce", state),
    codeVerifier: key.mac("provider code verifier", state),
  }
}
