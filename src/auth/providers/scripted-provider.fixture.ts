/** An OpenID provider that says what a test tells it to, reached through the way out instead of a network. */

import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose"
import { expect } from "vitest"
import { createProvider } from "./create-provider.ts"
import { openid, type WholePreset } from "./presets.ts"
import { type ExpectedCallback, type Identity, type Provider, ProviderError } from "./provider.ts"
import { createSafeFetch } from "./safe-fetch.ts"

export const CREDENTIALS = { clientId: "our client", clientSecret: "the secret of our client: §1" }
export const CODE = "a-code-of-the-provider"
export const ACCESS_TOKEN = "an-access-token-of-the-provider"
export const EXPECTED: ExpectedCallback = {
  redirectUri: "https://shop.example/v1/auth/oauth/acme/callback",
  state: "a-state-of-ours",
  nonce: "a-nonce-of-ours",
  codeVerifier: "a-code-verifier-of-ours-with-43-or-more-chars",
}

/** What nobody may find in a log. */
export const SECRETS = [
  CREDENTIALS.clientSecret,
  CODE,
  ACCESS_TOKEN,
  EXPECTED.codeVerifier,
  EXPECTED.nonce,
  EXPECTED.state,
]

export interface ScriptedProvider {
  readonly key: SigningKey
  /** What was asked, oldest first. */
  readonly requests: { url: string; headers: Headers; body: URLSearchParams }[]
  /** Answers by address; a test replaces what it wants to be told otherwise. */
  readonly answers: Map<string, () => Response | Promise<Response>>
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  metadata: Record<string, unknown>
  jwks: JWK[]
  /** The body of the token endpoint's answer. */
  tokens: Record<string, unknown>
  userinfo: Record<string, unknown>
  claims(changes?: Claims): JWTPayload
  /** Signs with the provider's key, or with another one under the header's `kid`. */
  sign(changes?: Claims, header?: Partial<JWTHeaderParameters>, key?: SigningKey): Promise<string>
}

/** One that is undefined is left out. */
type Claims = Record<string, unknown>

export interface SigningKey {
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
}

export async function createKey(kid: string, alg = "ES256"): Promise<SigningKey> {
  const pair = await generateKeyPair(alg, { extractable: true })
  return { alg, privateKey: pair.privateKey, publicJwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: "sig" } }
}

/** Tells the truth until a test changes it. Advertises `none` and HS256, so that it isn't the metadata that refuses them. */
export async function createScriptedProvider(issuer: string, alg = "ES256"): Promise<ScriptedProvider> {
  const key = await createKey("first", alg)
  const provider: ScriptedProvider = {
    key,
    requests: [],
    answers: new Map(),
    metadata: {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      userinfo_endpoint: `${issuer}/userinfo`,
      id_token_signing_alg_values_supported: ["ES256", "RS256", "HS256", "none"],
    },
    jwks: [key.publicJwk],
    tokens: { access_token: ACCESS_TOKEN, token_type: "Bearer", expires_in: 60 },
    userinfo: { sub: "ada-1" },
    claims: (changes) => {
      const now = Math.floor(Date.now() / 1000)
      const { nonce } = EXPECTED
      return { iss: issuer, sub: "ada-1", aud: CREDENTIALS.clientId, iat: now, exp: now + 300, nonce, ...changes }
    },
    sign: (changes, header, { alg, privateKey, publicJwk } = key) =>
      new SignJWT(provider.claims(changes))
        .setProtectedHeader({ alg, kid: publicJwk.kid!, ...header })
        .sign(privateKey),
    fetch: async (url, init) => {
      const body = new URLSearchParams(init.body instanceof URLSearchParams ? init.body : undefined)
      provider.requests.push({ url, headers: new Headers(init.headers), body })
      const answer = provider.answers.get(url)
      if (answer) return answer()
      const { token_endpoint, jwks_uri, userinfo_endpoint } = provider.metadata
      if (url === `${issuer}/.well-known/openid-configuration`) return Response.json(provider.metadata)
      if (url === token_endpoint) return Response.json(provider.tokens)
      if (url === jwks_uri) return Response.json({ keys: provider.jwks })
      if (url === userinfo_endpoint) return Response.json(provider.userinfo)
      return new Response("There is nothing here", { status: 404 })
    },
  }
  provider.tokens.id_token = await provider.sign({ email: "ada@shop.example", email_verified: true, name: "Ada" })
  return provider
}

/** Our side of it. */
export function connect(
  issuer: string,
  { fetch }: Pick<ScriptedProvider, "fetch">,
  preset: WholePreset = openid({ issuer }),
): Provider {
  return createProvider("acme", preset, CREDENTIALS, { fetch: createSafeFetch({ fetch }) })
}

/** The browser's way back. */
export function callback(parameters: Record<string, string> = {}): URL {
  const query = new URLSearchParams({ code: CODE, state: EXPECTED.state, ...parameters })
  return new URL(`${EXPECTED.redirectUri}?${query}`)
}

/** The refusal; fails the test when somebody comes in. */
export async function refusalOf(attempt: Promise<Identity | URL | Response>): Promise<ProviderError> {
  const outcome = await attempt.catch((error: unknown) => error)
  expect(outcome).toBeInstanceOf(ProviderError)
  return outcome as ProviderError
}

/** Every property of the error and of its causes, the hidden ones too. */
export function describeWhole(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? String(error)
  const properties = Object.getOwnPropertyNames(error).map((name) => String(Reflect.get(error, name)))
  return [...properties, describeWhole(error.cause)].join("\n")
}
