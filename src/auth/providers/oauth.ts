/** What every provider does with the OAuth library: how it gets out, and how its errors come back. */

import * as oauth from "oauth4webapi"
import { type AuthorizationRequest, ProviderError } from "./provider.ts"
import type { SafeFetch, SafeRequest } from "./safe-fetch.ts"

/** Error codes of RFC 6749 §4.1.2.1 and §5.2 and of GitHub look like this; anything else is not repeated. */
const ERROR_CODE = /^[a-z_]{1,64}$/

/**
 * New for each use: the library lets callers with the same options wait for one request, and a Worker whose request is
 * cancelled would take the others with it. The way out itself decides which addresses are allowed.
 */
export function requestOptions(fetch: SafeFetch) {
  return {
    [oauth.customFetch]: (url: string, request: SafeRequest) => fetch(url, request),
    [oauth.allowInsecureRequests]: true,
  }
}

export function buildAuthorizationUrl(
  endpoint: string | URL,
  clientId: string,
  scope: string,
  request: Omit<AuthorizationRequest, "nonce">,
): URL {
  const url = new URL(endpoint)
  url.searchParams.set("response_type", "code")
  url.searchParams.set("client_id", clientId)
  url.searchParams.set("redirect_uri", request.redirectUri)
  url.searchParams.set("scope", scope)
  url.searchParams.set("state", request.state)
  url.searchParams.set("code_challenge", request.codeChallenge)
  url.searchParams.set("code_challenge_method", "S256")
  return url
}

/** Runs one exchange with a provider; whatever goes wrong in it comes out as a ProviderError that names the provider. */
export async function withProvider<Result>(name: string, exchange: () => Promise<Result>): Promise<Result> {
  try {
    return await exchange()
  } catch (error) {
    throw toProviderError(name, error)
  }
}

/** The causes of the library's own errors hold tokens, codes and claims, so they end here; their messages are fixed texts. */
function toProviderError(name: string, error: unknown): ProviderError {
  if (error instanceof ProviderError) return new ProviderError(error.reason, `${name}: ${error.message}`, error.cause)
  if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError) {
    return new ProviderError("provider_refused", `${name}: ${describeRefusal(error.error)}`)
  }
  if (error instanceof oauth.WWWAuthenticateChallengeError) {
    return new ProviderError("provider_refused", `${name}: ${describeRefusal(`status ${error.status}`)}`)
  }
  if (error instanceof oauth.OperationProcessingError || error instanceof oauth.UnsupportedOperationError) {
    return new ProviderError("provider_answer_invalid", `${name}: ${error.message}`)
  }
  return new ProviderError("provider_answer_invalid", `${name}: the answer can't be read`, error)
}

export function describeRefusal(code: string): string {
  return ERROR_CODE.test(code) ? `the provider refuses with ${code}` : "the provider refuses"
}
