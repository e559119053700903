/** People who sign in to the shop through providers: out by one address of ours, back by another, and on to the site. */

import { createHash } from "node:crypto"
import { expect } from "vitest"
import { createScriptedProvider, type ScriptedProvider } from "../../src/auth/providers/scripted-provider.fixture.ts"
import { github, openid } from "../../src/index.ts"
import type { Answer } from "../fixture/scenario.ts"
import { type AuthCall, type AuthScenario, createAuthScenario, PASSWORD, type SessionBody } from "./scenario.ts"

export const ISSUERS = { acme: "https://login.acme.example", other: "https://login.other.example" }
export const SITE = "http://localhost:8788/signed-in?tab=1"
export const VERIFIER = "a-verifier.of~the_site-with-43-characters-or-more"
export const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url")

export type ProviderName = keyof typeof ISSUERS

/** What a provider says of somebody. */
export interface Person {
  sub: string
  email?: string | undefined
  email_verified?: boolean
  name?: string
}

/** Where the site was called back at. */
export interface Arrival {
  readonly code: string | null
  readonly error: string | null
}

export interface ProviderScenario extends AuthScenario {
  readonly providers: Readonly<Record<ProviderName, ScriptedProvider>>
  /** `GET oauth/{provider}`, as a link of the site. @returns Where the browser is sent. */
  leave(provider: ProviderName, redirectTo?: string): Promise<URL>
  /** Asks for a link in a session. @returns Where the browser is sent. */
  leaveToLink(provider: ProviderName, session: Pick<SessionBody, "accessToken">): Promise<URL>
  /** Signs in at the provider. @returns The path of ours that the browser comes back to. */
  visit(provider: ProviderName, away: URL, person: Person): Promise<string>
  /** `GET` of our callback. */
  comeBack(path: string): Promise<Answer>
  /** From the provider's page to the site. */
  arrive(provider: ProviderName, away: URL, person: Person): Promise<Arrival>
  exchange(code: string | null, call?: AuthCall & { verifier?: string }): Promise<Answer>
  /** The whole way. */
  signIn(provider: ProviderName, person: Person, call?: AuthCall): Promise<Answer>
  /** Signs up with a password. */
  account(email: string, options: { verified: boolean }): Promise<SessionBody>
  identities(session: SessionBody): Promise<{ issuer: string; email: string | null }[]>
}

export async function createProviderScenario(): Promise<ProviderScenario> {
  const providers = {
    acme: await createScriptedProvider(ISSUERS.acme),
    other: await createScriptedProvider(ISSUERS.other),
  }
  const credentials = { CLIENT_ID: "our client", CLIENT_SECRET: "the secret of our client: §1" }
  const variables = Object.fromEntries(
    ["ACME", "OTHER", "HALF"].flatMap((name) =>
      Object.entries(credentials).map(([key, value]) => [`${name}_${key}`, value]),
    ),
  )
  const scenario = createAuthScenario(
    {
      providers: { acme: openid({ issuer: ISSUERS.acme }), other: openid(), half: openid(), github: github() },
    },
    {},
    {
      variables: { ...variables, OTHER_ISSUER: ISSUERS.other, GITHUB_CLIENT_ID: "without a secret" },
      fetch: (url, init) => (url.startsWith(ISSUERS.acme) ? providers.acme : providers.other).fetch(url, init),
    },
  )

  const self: ProviderScenario = {
    ...scenario,
    providers,
    async leave(provider, redirectTo = SITE) {
      const query = new URLSearchParams({ redirectTo, codeChallenge: CHALLENGE })
      return locationOf(await scenario.call("GET", `/v1/auth/oauth/${provider}?${query}`))
    },
    async leaveToLink(provider, { accessToken: token }) {
      const body = { redirectTo: SITE, codeChallenge: CHALLENGE }
      const answer = await scenario.auth(`oauth/${provider}/link`, body, { token })
      expect(answer).toMatchObject({ status: 200 })
      return new URL(answer.body.url)
    },
    async visit(provider, away, person) {
      const { searchParams } = away
      const claims = { email: undefined, email_verified: undefined, ...person, nonce: searchParams.get("nonce") }
      providers[provider].userinfo = { sub: person.sub }
      providers[provider].tokens.id_token = await providers[provider].sign(claims)
      const { pathname } = new URL(searchParams.get("redirect_uri")!)
      return `${pathname}?${new URLSearchParams({ code: `code-${person.sub}`, state: searchParams.get("state")! })}`
    },
    comeBack: (path) => scenario.call("GET", path),
    async arrive(provider, away, person) {
      const { searchParams } = locationOf(await self.comeBack(await self.visit(provider, away, person)))
      return { code: searchParams.get("code"), error: searchParams.get("error") }
    },
    exchange: (code, { verifier = VERIFIER, ...call } = {}) =>
      scenario.auth("exchange", { code, codeVerifier: verifier }, call),
    async signIn(provider, person, call) {
      const { code } = await self.arrive(provider, await self.leave(provider), person)
      return self.exchange(code, call)
    },
    async account(email, { verified }) {
      const session = await scenario.newUser(email, PASSWORD)
      if (verified) await scenario.auth("email/verify", { token: (await scenario.mail(email, "verify-email")).secret })
      return session
    },
    async identities({ accessToken: token }) {
      const { body } = await scenario.call("GET", "/v1/auth/identities", { token })
      return body.data
    },
  }
  return self
}

export function locationOf({ status, headers }: Answer): URL {
  expect(status).toBe(302)
  return new URL(headers.get("Location")!)
}
