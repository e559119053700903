import { beforeEach, expect, test } from "vitest"
import { github, google, openid } from "./presets.ts"
import { createProviders } from "./registry.ts"
import {
  ACCESS_TOKEN,
  CODE,
  CREDENTIALS,
  callback,
  connect,
  createScriptedProvider,
  EXPECTED,
  refusalOf,
  type ScriptedProvider,
} from "./scripted-provider.fixture.ts"

const TOKEN = "https://github.com/login/oauth/access_token"
const USER = "https://api.github.com/user"
const EMAILS = "https://api.github.com/user/emails"

/** The shapes of GitHub's documentation: the OAuth web application flow, and its REST API 2022-11-28. */
const GITHUB_ANSWERS = {
  [TOKEN]: { access_token: ACCESS_TOKEN, scope: "read:user,user:email", token_type: "bearer" },
  [USER]: {
    login: "octocat",
    id: 583231,
    node_id: "MDQ6VXNlcjU4MzIzMQ==",
    type: "User",
    name: "monalisa octocat",
    email: null,
  },
  [EMAILS]: [
    { email: "old@octocat.example", verified: true, primary: false, visibility: null },
    { email: "octocat@github.example", verified: true, primary: true, visibility: "private" },
  ],
}

let provider: ScriptedProvider

beforeEach(async () => {
  provider = await createScriptedProvider("https://accounts.google.com", "RS256")
  for (const [url, body] of Object.entries(GITHUB_ANSWERS)) answer(url, body)
})

const answer = (url: string, body: unknown, status = 200) =>
  provider.answers.set(url, () => Response.json(body, { status }))
const octocat = (url = callback()) => connect("https://github.com", provider, github()).redeem(url, EXPECTED)
const requestsTo = (url: string) => provider.requests.filter((request) => request.url === url)

test("42: the browser leaves for GitHub with a challenge by S256 and a state", async () => {
  const { redirectUri, state, nonce } = EXPECTED
  const url = await connect("", provider, github()).authorizationUrl({ redirectUri, state, nonce, codeChallenge: "c" })
  expect(`${url.origin}${url.pathname}`).toBe("https://github.com/login/oauth/authorize")
  expect(Object.fromEntries(url.searchParams)).toEqual({
    response_type: "code",
    client_id: CREDENTIALS.clientId,
    redirect_uri: redirectUri,
    scope: "read:user user:email",
    state,
    code_challenge: "c",
    code_challenge_method: "S256",
  })
  expect(provider.requests).toEqual([])
})

test("42, 45: GitHub's numeric id is the subject, and the code is redeemed with its verifier", async () => {
  expect(await octocat()).toEqual({
    issuer: "https://github.com",
    subject: "583231",
    email: "octocat@github.example",
    emailVerified: true,
    name: "monalisa octocat",
  })
  const { body, headers } = requestsTo(TOKEN)[0]!
  expect(Object.fromEntries(body)).toEqual({
    grant_type: "authorization_code",
    client_id: CREDENTIALS.clientId,
    client_secret: CREDENTIALS.clientSecret,
    code: CODE,
    redirect_uri: EXPECTED.redirectUri,
    code_verifier: EXPECTED.codeVerifier,
  })
  expect(headers.get("accept")).toBe("application/json")
  for (const url of [USER, EMAILS]) {
    const { headers } = requestsTo(url)[0]!
    expect(headers.get("authorization")).toBe(`Bearer ${ACCESS_TOKEN}`)
    expect(headers.get("user-agent")).toBe("selvedge")
  }
})

test("42: GitHub's refusals come with status 200, and are refusals all the same", async () => {
  answer(TOKEN, {
    error: "bad_verification_code",
    error_description: "The code passed is incorrect or expired.",
    error_uri:
      "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/",
  })
  expect(await refusalOf(octocat())).toMatchObject({
    reason: "provider_refused",
    message: "acme: the provider refuses with bad_verification_code",
  })
})

test("42: a state that is another one is refused, and the code stays unused", async () => {
  expect((await refusalOf(octocat(callback({ state: "another" })))).reason).toBe("provider_answer_invalid")
  expect(provider.requests).toEqual([])
})

test("44: GitHub names itself in `iss`; the name of another provider is refused", async () => {
  expect(await octocat(callback({ iss: "https://github.com/login/oauth" }))).toMatchObject({ subject: "583231" })
  provider.requests.length = 0
  for (const iss of ["https://accounts.google.com", "https://github.com", "https://github.com/login/oauth/"]) {
    expect((await refusalOf(octocat(callback({ iss })))).reason, iss).toBe("provider_answer_invalid")
  }
  expect(provider.requests).toEqual([])
})

test("46: only the primary address counts, and only when GitHub has verified it", async () => {
  const primary = { email: "octocat@github.example", primary: true, visibility: null }
  const other = { email: "other@github.example", verified: true, primary: false, visibility: null }
  for (const emails of [
    [],
    [other],
    [{ ...primary, verified: false }, other],
    [{ ...primary, verified: "true" }],
    [null],
  ]) {
    answer(EMAILS, emails)
    const identity = await octocat()
    expect(identity, JSON.stringify(emails)).toMatchObject({ subject: "583231", emailVerified: false })
    expect(identity).not.toHaveProperty("email")
  }
})

test("a person without a name is called by their login", async () => {
  answer(USER, { login: "octocat", id: 1, name: null })
  expect((await octocat()).name).toBe("octocat")
})

test("what GitHub's API answers is told apart", async () => {
  const answers: [string, string, unknown, number?][] = [
    ["provider_refused", USER, { message: "Bad credentials" }, 401],
    ["provider_refused", EMAILS, { message: "Resource not accessible by integration" }, 403],
    ["provider_unreachable", USER, { message: "down" }, 502],
    ["provider_answer_invalid", EMAILS, { message: "Not Found" }, 404],
    ["provider_answer_invalid", EMAILS, { message: "no list" }],
    ["provider_answer_invalid", TOKEN, { token_type: "bearer" }],
    ["provider_answer_invalid", TOKEN, "text"],
    ["provider_answer_invalid", USER, null],
    ...[undefined, "583231", 0, -1, 1.5, 2 ** 53, null].map((id): [string, string, unknown] => [
      "provider_answer_invalid",
      USER,
      { login: "octocat", id },
    ]),
  ]
  for (const [reason, url, body, status] of answers) {
    for (const [known, good] of Object.entries(GITHUB_ANSWERS)) answer(known, good)
    answer(url, body, status)
    expect((await refusalOf(octocat())).reason, JSON.stringify(body)).toBe(reason)
  }
})

test("a GitHub of one's own is another issuer, with its own people", async () => {
  const preset = github({ webUrl: "https://github.acme.com/", apiUrl: "https://github.acme.com/api/v3" })
  answer("https://github.acme.com/login/oauth/access_token", GITHUB_ANSWERS[TOKEN])
  answer("https://github.acme.com/api/v3/user", GITHUB_ANSWERS[USER])
  answer("https://github.acme.com/api/v3/user/emails", GITHUB_ANSWERS[EMAILS])
  expect(await connect("", provider, preset).redeem(callback(), EXPECTED)).toMatchObject({
    issuer: "https://github.acme.com",
    subject: "583231",
  })
  expect(() => github({ webUrl: "github.acme.com" })).toThrow(TypeError)
})

test("43: an ID token in the shape of Google's documentation is an identity", async () => {
  expect(google()).toEqual({ kind: "openid", issuer: "https://accounts.google.com", scope: "openid email profile" })
  provider.metadata = {
    issuer: "https://accounts.google.com",
    authorization_endpoint: "https://accounts.google.com/o/oauth2/v2/auth",
    token_endpoint: "https://oauth2.googleapis.com/token",
    userinfo_endpoint: "https://openidconnect.googleapis.com/v1/userinfo",
    revocation_endpoint: "https://oauth2.googleapis.com/revoke",
    jwks_uri: "https://www.googleapis.com/oauth2/v3/certs",
    response_types_supported: ["code", "token", "id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    scopes_supported: ["openid", "email", "profile"],
    token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
    code_challenge_methods_supported: ["plain", "S256"],
  }
  const claims = {
    azp: CREDENTIALS.clientId,
    sub: "10769150350006150715113082367",
    at_hash: "HK6E_P6Dh8Y93mRNtsDB1Q",
    hd: "shop.example",
    email: "ada@shop.example",
    email_verified: "true",
  }
  provider.tokens.id_token = await provider.sign(claims)
  const attempt = () => connect("", provider, google()).redeem(callback(), EXPECTED)
  expect(await attempt()).toEqual({
    issuer: "https://accounts.google.com",
    subject: "10769150350006150715113082367",
    email: "ada@shop.example",
    emailVerified: true,
  })
  provider.tokens.id_token = await provider.sign({ ...claims, iss: "accounts.google.com" })
  expect((await refusalOf(attempt())).reason).toBe("provider_answer_invalid")
})

test("the environment turns providers on, and names the issuer where the application leaves it open", () => {
  const presets = { google: google(), "my-company": openid({ scopes: ["openid", "email"] }), github: github() }
  const on = (variables: Record<string, string>) =>
    [...createProviders({ presets, read: (name) => variables[name] }).values()].map(({ name, issuer }) => [
      name,
      issuer,
    ])
  const company = { MY_COMPANY_CLIENT_ID: "a", MY_COMPANY_CLIENT_SECRET: "b" }
  expect(on({})).toEqual([])
  expect(on({ GOOGLE_CLIENT_ID: "a", GITHUB_CLIENT_SECRET: "b", ...company })).toEqual([])
  expect(on({ ...company, MY_COMPANY_ISSUER: "https://login.acme.example/" })).toEqual([
    ["my-company", "https://login.acme.example/"],
  ])
  expect(on({ GOOGLE_CLIENT_ID: "a", GOOGLE_CLIENT_SECRET: "b", GOOGLE_ISSUER: "https://evil.example" })).toEqual([
    ["google", "https://accounts.google.com"],
  ])
  expect(() => on({ ...company, MY_COMPANY_ISSUER: "login.acme.example" })).toThrow(TypeError)
})
