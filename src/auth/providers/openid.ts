/** Signing in with any OpenID provider: code flow with PKCE, state and nonce (OpenID Connect Core §3.1). */

import * as oauth from "oauth4webapi"
import { createIdentity } from "./identity.ts"
import { buildAuthorizationUrl, requestOptions, withProvider } from "./oauth.ts"
import type { WholeOpenIdPreset } from "./presets.ts"
import {
  type ExpectedCallback,
  type Identity,
  type Provider,
  type ProviderCredentials,
  ProviderError,
} from "./provider.ts"
import type { SafeFetch } from "./safe-fetch.ts"

/** How long an isolate trusts the metadata it read. The library keeps keys for 5 minutes, and for a key that it misses 1. */
const METADATA_MAX_AGE_MS = 60 * 60_000

interface HeldMetadata {
  readonly metadata: oauth.AuthorizationServer
  /** Milliseconds since 1970. */
  readonly since: number
}

/** The claims that make an identity, wherever they stand. */
type Claims = Pick<oauth.UserInfoResponse, "sub" | "email" | "email_verified" | "name">

/** Promises of reads are never shared between requests: a cancelled request would take the others with it. */
export function createOpenIdProvider(
  name: string,
  preset: WholeOpenIdPreset,
  { clientId, clientSecret }: ProviderCredentials,
  fetch: SafeFetch,
): Provider {
  const { issuer, scope } = preset
  const client: oauth.Client = { client_id: clientId }
  let held: HeldMetadata | undefined

  async function readMetadata(): Promise<oauth.AuthorizationServer> {
    if (held && Date.now() - held.since < METADATA_MAX_AGE_MS) return held.metadata
    const url = new URL(issuer)
    const response = await oauth.discoveryRequest(url, requestOptions(fetch))
    const metadata = await oauth.processDiscoveryResponse(url, response)
    checkIssuer(issuer, metadata)
    held = { metadata, since: Date.now() }
    return metadata
  }

  async function redeem(callback: URL, expected: ExpectedCallback): Promise<Identity> {
    const metadata = await readMetadata()
    const response = await oauth.authorizationCodeGrantRequest(
      metadata,
      client,
      chooseAuthentication(metadata, clientSecret),
      oauth.validateAuthResponse(metadata, client, callback, expected.state),
      expected.redirectUri,
      expected.codeVerifier,
      requestOptions(fetch),
    )
    const tokens = await oauth.processAuthorizationCodeResponse(metadata, client, response, {
      expectedNonce: expected.nonce,
    })
    // Takes signatures that only the provider can make: neither `none` nor one by the client secret
    await oauth.validateApplicationLevelSignature(metadata, response, requestOptions(fetch))
    const claims = oauth.getValidatedIdTokenClaims(tokens)!
    checkAuthorizedParty(claims, clientId)
    return readIdentity(issuer, claims, await readAddress(metadata, tokens.access_token, claims))
  }

  /** From the ID token; many providers tell the address at the userinfo endpoint only. */
  async function readAddress(
    metadata: oauth.AuthorizationServer,
    accessToken: string,
    idToken: oauth.IDToken,
  ): Promise<Claims> {
    if (idToken.email !== undefined || metadata.userinfo_endpoint === undefined) return idToken as Claims
    const response = await oauth.userInfoRequest(metadata, client, accessToken, requestOptions(fetch))
    if (response.headers.get("content-type")?.startsWith("application/jwt")) {
      throw new ProviderError("provider_answer_invalid", "the userinfo is a JWT, but JSON was asked for")
    }
    return oauth.processUserInfoResponse(metadata, client, idToken.sub, response)
  }

  return {
    name,
    issuer,
    authorizationUrl: (request) =>
      withProvider(name, async () => {
        const endpoint = readAuthorizationEndpoint(await readMetadata())
        const url = buildAuthorizationUrl(endpoint, clientId, scope, request)
        url.searchParams.set("nonce", request.nonce)
        return url
      }),
    redeem: (callback, expected) => withProvider(name, () => redeem(callback, expected)),
  }
}

/** The library takes two spellings of one URL for the same issuer; Discovery §4.3 asks for the same text. */
function checkIssuer(issuer: string, metadata: oauth.AuthorizationServer): void {
  if (metadata.issuer !== issuer) {
    throw new ProviderError("provider_answer_invalid", `the metadata of ${issuer} names another issuer`)
  }
}

/** The browser goes there: by https, or to the issuer's own origin, which the way out has let through. */
function readAuthorizationEndpoint(metadata: oauth.AuthorizationServer): URL {
  const url = URL.parse(metadata.authorization_endpoint ?? "")
  const isSafe =
    url?.protocol === "https:" || (url?.protocol === "http:" && url.origin === new URL(metadata.issuer).origin)
  if (!url || !isSafe) throw new ProviderError("provider_answer_invalid", "the authorization endpoint is not https")
  return url
}

/** `client_secret_basic` is what a provider takes that says nothing (Discovery §3). */
function chooseAuthentication(metadata: oauth.AuthorizationServer, clientSecret: string): oauth.ClientAuth {
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]
  return !methods.includes("client_secret_basic") && methods.includes("client_secret_post")
    ? oauth.ClientSecretPost(clientSecret)
    : oauth.ClientSecretBasic(clientSecret)
}

/** The library looks at `azp` only beside several audiences. */
function checkAuthorizedParty(claims: oauth.IDToken, clientId: string): void {
  if (claims.azp !== undefined && claims.azp !== clientId) {
    throw new ProviderError("provider_answer_invalid", "the ID token was issued to another client")
  }
}

function readIdentity(issuer: string, idToken: oauth.IDToken, address: Claims): Identity {
  return createIdentity({
    issuer,
    subject: idToken.sub,
    email: address.email,
    emailVerified: address.email_verified,
    name: idToken.name ?? address.name,
  })
}
