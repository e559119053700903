/** Signing in through a provider: the browser leaves for it, comes back to us, and goes on to the site with a code. */

import { invalidQuery, SelvedgeError } from "../core/problem.ts"
import type { AuthContext } from "./context.ts"
import { eventQuery } from "./events.ts"
import { mintExchange } from "./exchange.ts"
import { explainSession, freshSession, requireAccount } from "./fresh.ts"
import { isTaken, type ProviderUser, readMatch, storedMatchQuery, toProviderUser } from "./identities.ts"
import { type Departed, type Departure, mintState, redeemState } from "./oauth-state.ts"
import { hashOf } from "./one-time.ts"
import { mintLink } from "./own-identities.ts"
import { ProviderError } from "./providers/provider.ts"
import type { Providers, RegisteredProvider } from "./providers/registry.ts"
import { checkRedirect, mayRedirect, redirectBack } from "./redirects.ts"

/** What the application has turned on. */
export interface OAuthOptions {
  readonly providers: Providers
  /** Of the sites that people may be sent back to. */
  readonly origins: readonly string[]
}

/** Where a site wants its user back. */
export interface WayBack {
  readonly redirectTo: string
  /** PKCE S256 (RFC 7636) of the site. */
  readonly codeChallenge: string
}

/** What the site gets in the address that it is called back at. */
type Outcome = { readonly code: string } | { readonly error: string }

/**
 * One trip, and where the provider isn't known yet, a request to it.
 *
 * @returns Where to send the browser: to the provider, or back to the site when the provider can't be used.
 * @throws SelvedgeError `not_found` or `invalid_query`.
 */
export async function leaveToSignIn(
  context: AuthContext,
  { providers, origins }: OAuthOptions,
  name: string,
  way: WayBack,
): Promise<string> {
  const registered = requireProvider(providers, name)
  if (!mayRedirect([...origins, context.baseUrl], way.redirectTo))
    throw invalidQuery("redirectTo", "must be an address of a listed site, spelled out in full")
  await context.guessing.count("start")
  return leave(context, registered, way)
}

/**
 * The same for somebody who signed in a moment ago and wants the provider as another way to sign in.
 *
 * @throws SelvedgeError `reauthentication_required` as well.
 */
export async function leaveToLink(
  context: AuthContext,
  { providers, origins }: OAuthOptions,
  name: string,
  way: WayBack,
): Promise<string> {
  const linkTo = requireAccount(context)
  const registered = requireProvider(providers, name)
  checkRedirect([...origins, context.baseUrl], way.redirectTo)
  return leave(context, registered, way, linkTo)
}

async function leave(
  context: AuthContext,
  registered: RegisteredProvider,
  { redirectTo, codeChallenge }: WayBack,
  linkTo?: Departure["linkTo"],
): Promise<string> {
  const { name } = registered
  const redirectUri = `${context.baseUrl}/v1/auth/oauth/${name}/callback`
  const { challenge, expected, queries } = mintState(context, {
    provider: name,
    redirectTo,
    codeChallenge,
    redirectUri,
    linkTo,
  })
  try {
    const provider = await registered.open()
    const url = await provider.authorizationUrl({
      redirectUri,
      state: expected.state,
      nonce: expected.nonce,
      codeChallenge: challenge,
    })
    await context.db.write(linkTo ? [freshSession(context), ...queries] : queries)
    return url.href
  } catch (error) {
    if (!(error instanceof ProviderError)) throw explainSession(error)
    return redirectBack(redirectTo, { error: noteFailure(context, error) })
  }
}

/**
 * Two trips, and the provider's own. Nothing of an account changes here, only when the site exchanges its code: until
 * then nobody knows whether the browser that came back is the one that left.
 *
 * @param callback The address that the provider sent the browser to.
 * @returns The site's address with a `code`, or with an `error`.
 * @throws SelvedgeError `not_found`, or `invalid_query` for a state that says nothing: there is no site to go back to.
 */
export async function comeBack(
  context: AuthContext,
  providers: Providers,
  name: string,
  callback: URL,
): Promise<string> {
  const registered = requireProvider(providers, name)
  const departed = await redeemState(context, callback.searchParams.get("state") ?? "")
  if (!departed) throw refuseState()
  if (departed.provider !== name) {
    noteRefusal(context, departed, "another provider")
    throw refuseState()
  }
  return redirectBack(departed.redirectTo, { ...(await arrive(context, registered, departed, callback)) })
}

async function arrive(
  context: AuthContext,
  registered: RegisteredProvider,
  departed: Departed,
  callback: URL,
): Promise<Outcome> {
  try {
    const provider = await registered.open()
    const user = toProviderUser(await provider.redeem(callback, departed.expected))
    return departed.linkTo ? await arriveToLink(context, departed, user) : await arriveToSignIn(context, departed, user)
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
    const isChoice = error.reason === "provider_refused" && callback.searchParams.get("error") === "access_denied"
    const reason = isChoice ? "access_denied" : noteFailure(context, error)
    noteRefusal(context, departed, reason)
    return { error: reason }
  }
}

async function arriveToSignIn(context: AuthContext, departed: Departed, user: ProviderUser): Promise<Outcome> {
  const { codeChallenge, provider } = departed
  const { secret, queries } = mintExchange(context, {
    arrival: { identity: user },
    method: `oauth:${provider}`,
    codeChallenge,
  })
  const rows = await context.db.write([...queries, storedMatchQuery(hashOf("exchange", secret))])
  if (!isTaken(user, readMatch(rows.at(-1)![0]))) return { code: secret }
  noteRefusal(context, departed, "account_exists")
  return { error: "account_exists" }
}

async function arriveToLink(context: AuthContext, departed: Departed, user: ProviderUser): Promise<Outcome> {
  const { userId, sessionId } = departed.linkTo!
  const { secret, queries } = mintLink(context, userId, {
    sessionId,
    identity: user,
    codeChallenge: departed.codeChallenge,
  })
  const rows = await context.db.write([
    ...queries,
    {
      sql: "SELECT 1 FROM _identities WHERE issuer = ? AND subject = ? AND user_id <> ?",
      params: [user.issuer, user.subject, userId],
    },
  ])
  if (rows.at(-1)!.length === 0) return { code: secret }
  noteRefusal(context, departed, "identity_taken")
  return { error: "identity_taken" }
}

/** A provider that doesn't work is for the operator to know. @returns What the site is told. */
function noteFailure(context: AuthContext, error: ProviderError): string {
  if (error.reason !== "provider_refused") context.later(Promise.reject(error))
  return error.reason
}

function noteRefusal(context: AuthContext, { linkTo, provider }: Departed, reason: string): void {
  const [event, userId] = linkTo ? (["identity_linked", linkTo.userId] as const) : (["sign_in", null] as const)
  const detail = { method: `oauth:${provider}`, reason }
  context.writeLater([eventQuery(context, { event, userId, result: "refused", detail })])
}

function requireProvider(providers: Providers, name: string): RegisteredProvider {
  const registered = providers.get(name)
  if (!registered) throw new SelvedgeError("not_found", "There is no such provider.")
  return registered
}

function refuseState(): SelvedgeError {
  return invalidQuery("state", "is not valid, was used before, or is too old; begin again at the site")
}
