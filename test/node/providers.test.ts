import { gzipSync } from "node:zlib"
import { calculatePKCECodeChallenge } from "oauth4webapi"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createProvider } from "../../src/auth/providers/create-provider.ts"
import { openid } from "../../src/auth/providers/presets.ts"
import { type Provider, ProviderError, type ProviderFailure } from "../../src/auth/providers/provider.ts"
import { createSafeFetch } from "../../src/auth/providers/safe-fetch.ts"
import { close, listen, startUpstream, type Upstream, visit } from "./providers-fixture.ts"

const CLIENT = {
  clientId: "selvedge",
  clientSecret: "a secret: with +, % and /",
  redirectUri: "https://shop.example/v1/auth/oauth/people/callback",
}
const EXPECTED = {
  redirectUri: CLIENT.redirectUri,
  state: "a-state-of-ours",
  nonce: "a-nonce-of-ours",
  codeVerifier: "a-code-verifier-of-ours-with-43-characters-or-more",
}

let people: Upstream
let others: Upstream

beforeAll(async () => {
  people = await startUpstream(CLIENT)
  others = await startUpstream(CLIENT)
})

afterAll(async () => {
  await Promise.all([people.close(), others.close()])
})

const fetch = createSafeFetch({ allowLoopback: true })
const connect = (issuer: string): Provider => createProvider("people", openid({ issuer }), CLIENT, { fetch })

/** Signs in at the provider; the address that the browser comes back to. */
async function visitAs(login: string | undefined, provider = connect(people.issuer)): Promise<URL> {
  const { redirectUri, state, nonce, codeVerifier } = EXPECTED
  const codeChallenge = await calculatePKCECodeChallenge(codeVerifier)
  return visit(await provider.authorizationUrl({ redirectUri, state, nonce, codeChallenge }), login)
}

async function reasonOf(attempt: Promise<unknown>): Promise<ProviderFailure> {
  const outcome = await attempt.catch((error: unknown) => error)
  expect(outcome).toBeInstanceOf(ProviderError)
  return (outcome as ProviderError).reason
}

test("42, 43, 45: somebody signs in at a certified provider, and its issuer and subject are who they are", async () => {
  const provider = connect(people.issuer)
  const callback = await visitAs("ada", provider)
  expect(callback.searchParams.get("iss")).toBe(people.issuer)
  expect(await provider.redeem(callback, EXPECTED)).toEqual({
    issuer: people.issuer,
    subject: "ada",
    email: "ada@people.example",
    emailVerified: true,
    name: "ADA",
  })
  const grace = await visitAs("grace", provider)
  expect(await provider.redeem(grace, EXPECTED)).toMatchObject({ subject: "grace" })
  expect(people.requests.filter((request) => request.includes("/.well-known/"))).toHaveLength(1)
  expect(people.requests.filter((request) => request === "GET /jwks")).toHaveLength(1)
})

test("42: whoever cancels at the provider is refused", async () => {
  const callback = await visitAs(undefined)
  expect(callback.searchParams.get("error")).toBe("access_denied")
  expect(await reasonOf(connect(people.issuer).redeem(callback, EXPECTED))).toBe("provider_refused")
})

test("42: the provider refuses a code with another verifier, with another redirect target, and a second time", async () => {
  const provider = connect(people.issuer)
  const verifier = { ...EXPECTED, codeVerifier: "a-code-verifier-of-somebody-else-with-43-characters" }
  expect(await reasonOf(provider.redeem(await visitAs("ada"), verifier))).toBe("provider_refused")
  const target = { ...EXPECTED, redirectUri: "https://shop.example/v1/auth/oauth/others/callback" }
  expect(await reasonOf(provider.redeem(await visitAs("ada"), target))).toBe("provider_refused")

  const callback = await visitAs("ada")
  expect(await provider.redeem(callback, EXPECTED)).toMatchObject({ subject: "ada" })
  expect(await reasonOf(provider.redeem(callback, EXPECTED))).toBe("provider_refused")
})

test("42: a callback with the state of another journey is refused", async () => {
  const callback = await visitAs("ada")
  const expected = { ...EXPECTED, state: "a-state-of-somebody-else" }
  expect(await reasonOf(connect(people.issuer).redeem(callback, expected))).toBe("provider_answer_invalid")
})

test("43: an ID token with the nonce of another journey is refused", async () => {
  const callback = await visitAs("ada")
  const expected = { ...EXPECTED, nonce: "a-nonce-of-somebody-else" }
  expect(await reasonOf(connect(people.issuer).redeem(callback, expected))).toBe("provider_answer_invalid")
})

test("43: a provider that calls itself otherwise than it is configured is refused", async () => {
  for (const issuer of [`${people.issuer}/`, people.issuer.replace("127.0.0.1", "localhost")]) {
    expect(await reasonOf(connect(issuer).redeem(await visitAs("ada"), EXPECTED))).toBe("provider_answer_invalid")
  }
})

test("44: a code of one provider at the callback of another is refused, and never told to the other", async () => {
  const callback = await visitAs("ada")
  expect(await reasonOf(connect(others.issuer).redeem(callback, EXPECTED))).toBe("provider_answer_invalid")
  expect(others.requests).toEqual(["GET /.well-known/openid-configuration"])
  expect(await connect(people.issuer).redeem(callback, EXPECTED)).toMatchObject({ subject: "ada" })
})

test("42: a wrong client secret is a refusal of the provider", async () => {
  const credentials = { ...CLIENT, clientSecret: "another secret" }
  const provider = createProvider("people", openid({ issuer: people.issuer }), credentials, { fetch })
  expect(await reasonOf(provider.redeem(await visitAs("ada"), EXPECTED))).toBe("provider_refused")
})

test("49: a provider on loopback isn't asked outside of local work", async () => {
  const before = people.requests.length
  const provider = createProvider("people", openid({ issuer: people.issuer }), CLIENT, { fetch: createSafeFetch() })
  const callback = new URL(`${EXPECTED.redirectUri}?code=a&state=${EXPECTED.state}`)
  expect(await reasonOf(provider.redeem(callback, EXPECTED))).toBe("provider_answer_invalid")
  expect(people.requests).toHaveLength(before)
})

test("49: redirects aren't followed, and answers are bounded in time and size, packed or not", async () => {
  const asked: string[] = []
  const { server, origin } = await listen((request, response) => {
    asked.push(request.url!)
    if (request.url === "/redirect") response.writeHead(302, { location: "/target" }).end()
    if (request.url === "/large") response.end("a".repeat(256 * 1024 + 1))
    if (request.url === "/packed") {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("a".repeat(10_000_000)))
    }
    if (request.url === "/drip") {
      const drip = setInterval(() => response.write(" "), 100)
      response.on("close", () => clearInterval(drip))
    }
  })
  try {
    for (const path of ["/redirect", "/large", "/packed"]) {
      expect(await reasonOf(fetch(`${origin}${path}`)), path).toBe("provider_answer_invalid")
    }
    expect(asked).not.toContain("/target")

    const started = performance.now()
    const slow = await Promise.all(["/silent", "/drip"].map((path) => reasonOf(fetch(`${origin}${path}`))))
    expect(slow).toEqual(["provider_unreachable", "provider_unreachable"])
    expect(performance.now() - started).toBeGreaterThan(4_000)
    expect(performance.now() - started).toBeLessThan(12_000)
  } finally {
    await close(server)
  }
  expect(await reasonOf(fetch(`${origin}/closed`))).toBe("provider_unreachable")
})
