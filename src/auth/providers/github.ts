/** Signing in with GitHub: OAuth code flow with PKCE and state; who came is asked of GitHub's API. */

import * as oauth from "oauth4webapi"
import { createIdentity } from "./identity.ts"
import { buildAuthorizationUrl, describeRefusal, requestOptions, withProvider } from "./oauth.ts"
import type { GitHubPreset } from "./presets.ts"
import {
  type ExpectedCallback,
  type Identity,
  type Provider,
  type ProviderCredentials,
  ProviderError,
} from "./provider.ts"
import type { SafeFetch } from "./safe-fetch.ts"

/** The least that names the person and their addresses. */
const SCOPE = "read:user user:email"
/** GitHub refuses requests without a User-Agent. */
const API_HEADERS = {
  accept: "application/vnd.github+json",
  "user-agent": "selvedge",
  "x-github-api-version": "2022-11-28",
}

export function createGitHubProvider(
  name: string,
  { webUrl, apiUrl }: GitHubPreset,
  { clientId, clientSecret }: ProviderCredentials,
  fetch: SafeFetch,
): Provider {
  const client: oauth.Client = { client_id: clientId }
  /** The issuer here is the one that GitHub sends as `iss` (RFC 9207). */
  const server: oauth.AuthorizationServer = {
    issuer: `${webUrl}/login/oauth`,
    authorization_endpoint: `${webUrl}/login/oauth/authorize`,
    token_endpoint: `${webUrl}/login/oauth/access_token`,
  }

  async function redeem(callback: URL, expected: ExpectedCallback): Promise<Identity> {
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      oauth.ClientSecretPost(clientSecret),
      oauth.validateAuthResponse(server, client, callback, expected.state),
      expected.redirectUri,
      expected.codeVerifier,
      requestOptions(fetch),
    )
    await refuseError(response)
    const { access_token } = await oauth.processAuthorizationCodeResponse(server, client, response)
    const user = readUser(await ask(access_token, "/user"))
    const email = findAddress(await ask(access_token, "/user/emails"))
    return createIdentity({ issuer: webUrl, ...user, email, emailVerified: email !== undefined })
  }

  async function ask(accessToken: string, path: string): Promise<unknown> {
    const response = await oauth.protectedResourceRequest(
      accessToken,
      "GET",
      new URL(`${apiUrl}${path}`),
      new Headers(API_HEADERS),
      null,
      requestOptions(fetch),
    )
    if (response.status === 401 || response.status === 403) {
      throw new ProviderError("provider_refused", `${path} answers with status ${response.status}`)
    }
    if (response.status !== 200) {
      throw new ProviderError("provider_answer_invalid", `${path} answers with status ${response.status}`)
    }
    return readJson(response)
  }

  return {
    name,
    issuer: webUrl,
    authorizationUrl: async (request) =>
      buildAuthorizationUrl(server.authorization_endpoint!, clientId, SCOPE, request),
    redeem: (callback, expected) => withProvider(name, () => redeem(callback, expected)),
  }
}

/** GitHub's token endpoint answers errors with status 200. */
async function refuseError(response: Response): Promise<void> {
  const body = await readJson(response.clone())
  if (isObject(body) && typeof body.error === "string") {
    throw new ProviderError("provider_refused", describeRefusal(body.error))
  }
}

/** What can't be parsed is undefined: the message of the parser would repeat a piece of it. */
async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json()
  } catch {
    return undefined
  }
}

function readUser(body: unknown): { subject: string; name: unknown } {
  if (!isObject(body) || !Number.isSafeInteger(body.id) || (body.id as number) <= 0) {
    throw new ProviderError("provider_answer_invalid", "/user answers without an id")
  }
  return { subject: String(body.id), name: body.name ?? body.login }
}

/** Only the primary address, and only when it is verified: the others may be years old. */
function findAddress(body: unknown): unknown {
  if (!Array.isArray(body)) throw new ProviderError("provider_answer_invalid", "/user/emails answers without a list")
  return body.filter(isObject).find((entry) => entry.primary === true && entry.verified === true)?.email
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null
}
