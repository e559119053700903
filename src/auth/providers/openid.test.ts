import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { openid } from "./presets.ts"
import {
  ACCESS_TOKEN,
  CODE,
  CREDENTIALS,
  callback,
  connect,
  createKey,
  createScriptedProvider,
  describeWhole,
  EXPECTED,
  refusalOf,
  type ScriptedProvider,
  SECRETS,
} from "./scripted-provider.fixture.ts"

const ISSUER = "https://login.acme.example"

let acme: ScriptedProvider

beforeEach(async () => {
  acme = await createScriptedProvider(ISSUER)
})

afterEach(() => {
  vi.useRealTimers()
})

const redeem = () => connect(ISSUER, acme).redeem(callback(), EXPECTED)
const requestsTo = (path: string) => acme.requests.filter(({ url }) => url === `${ISSUER}${path}`)

test("42: the browser leaves with a challenge by S256, a state and a nonce, for a code", async () => {
  acme.metadata.authorization_endpoint = `${ISSUER}/authorize?tenant=7`
  const { redirectUri, state, nonce } = EXPECTED
  const url = await connect(ISSUER, acme).authorizationUrl({ redirectUri, state, nonce, codeChallenge: "challenge" })
  expect(`${url.origin}${url.pathname}`).toBe(`${ISSUER}/authorize`)
  expect(Object.fromEntries(url.searchParams)).toEqual({
    tenant: "7",
    response_type: "code",
    client_id: CREDENTIALS.clientId,
    redirect_uri: redirectUri,
    scope: "openid email profile",
    state,
    nonce,
    code_challenge: "challenge",
    code_challenge_method: "S256",
  })
})

test("42: the code is redeemed with its verifier, and the client proves itself", async () => {
  expect(await redeem()).toEqual({
    issuer: ISSUER,
    subject: "ada-1",
    email: "ada@shop.example",
    emailVerified: true,
    name: "Ada",
  })
  const [{ body, headers }] = requestsTo("/token") as [ScriptedProvider["requests"][number]]
  expect(Object.fromEntries(body)).toEqual({
    grant_type: "authorization_code",
    code: CODE,
    redirect_uri: EXPECTED.redirectUri,
    code_verifier: EXPECTED.codeVerifier,
  })
  expect(headers.get("authorization")).toBe(`Basic ${btoa("our+client:the+secret+of+our+client%3A+%C2%A71")}`)
})

test("42: a provider that takes the secret in the body only gets it there", async () => {
  acme.metadata.token_endpoint_auth_methods_supported = ["client_secret_post", "private_key_jwt"]
  await redeem()
  const { body, headers } = requestsTo("/token")[0]!
  expect(body.get("client_secret")).toBe(CREDENTIALS.clientSecret)
  expect(headers.has("authorization")).toBe(false)
})

test("42: a state that is another one, missing, empty or repeated is refused, and the code stays unused", async () => {
  const callbacks = {
    "another one": callback({ state: "a-state-of-somebody-else" }),
    missing: new URL(`${EXPECTED.redirectUri}?code=${CODE}`),
    empty: callback({ state: "" }),
    repeated: new URL(`${callback()}&state=${EXPECTED.state}`),
  }
  for (const [name, url] of Object.entries(callbacks)) {
    const refusal = await refusalOf(connect(ISSUER, acme).redeem(url, EXPECTED))
    expect(refusal.reason, name).toBe("provider_answer_invalid")
  }
  expect(requestsTo("/token")).toEqual([])
})

test("42: a callback without a code, with two, or with tokens in it is refused", async () => {
  const callbacks = [
    new URL(`${EXPECTED.redirectUri}?state=${EXPECTED.state}`),
    new URL(`${callback()}&code=${CODE}`),
    callback({ id_token: acme.tokens.id_token as string }),
    callback({ response: acme.tokens.id_token as string }),
  ]
  for (const url of callbacks) {
    const refusal = await refusalOf(connect(ISSUER, acme).redeem(url, EXPECTED))
    expect(refusal.reason, url.search).toBe("provider_answer_invalid")
  }
  expect(requestsTo("/token")).toEqual([])
})

test("42: whoever changes their mind at the provider is refused, not an error", async () => {
  const denied = new URL(`${EXPECTED.redirectUri}?error=access_denied&state=${EXPECTED.state}`)
  const refusal = await refusalOf(connect(ISSUER, acme).redeem(denied, EXPECTED))
  expect(refusal).toMatchObject({
    reason: "provider_refused",
    message: "acme: the provider refuses with access_denied",
  })
})

test("43: metadata that names another issuer is refused, down to a slash at the end", async () => {
  for (const issuer of ["https://login.evil.example", `${ISSUER}/`, `${ISSUER}:443`, undefined, 7, "acme"]) {
    acme.metadata.issuer = issuer
    const refusal = await refusalOf(redeem())
    expect(refusal.reason, String(issuer)).toBe("provider_answer_invalid")
  }
  expect(requestsTo("/token")).toEqual([])
})

test("44: a code of another provider is refused, and that provider's code goes nowhere", async () => {
  const refusal = await refusalOf(
    connect(ISSUER, acme).redeem(callback({ iss: "https://login.evil.example" }), EXPECTED),
  )
  expect(refusal.reason).toBe("provider_answer_invalid")
  expect(requestsTo("/token")).toEqual([])
})

test("44: an answer without `iss` is refused when the provider says that it sends it", async () => {
  acme.metadata.authorization_response_iss_parameter_supported = true
  const provider = connect(ISSUER, acme)
  expect((await refusalOf(provider.redeem(callback(), EXPECTED))).reason).toBe("provider_answer_invalid")
  expect(requestsTo("/token")).toEqual([])
  expect(await provider.redeem(callback({ iss: ISSUER }), EXPECTED)).toMatchObject({ subject: "ada-1" })
})

test("44: a refusal sent in the name of another provider isn't this one's", async () => {
  const url = callback({ iss: "https://login.evil.example", error: "access_denied" })
  expect((await refusalOf(connect(ISSUER, acme).redeem(url, EXPECTED))).reason).toBe("provider_answer_invalid")
})

test("45: an address that the ID token doesn't tell is asked for, and only of the same subject", async () => {
  acme.tokens.id_token = await acme.sign()
  acme.userinfo = { sub: "ada-1", email: "ada@shop.example", email_verified: true, name: "Ada" }
  expect(await redeem()).toMatchObject({ email: "ada@shop.example", emailVerified: true, name: "Ada" })
  expect(requestsTo("/userinfo")[0]!.headers.get("authorization")).toBe(`Bearer ${ACCESS_TOKEN}`)

  for (const userinfo of [{ ...acme.userinfo, sub: "eve-1" }, { email: "ada@shop.example" }]) {
    acme.userinfo = userinfo
    expect((await refusalOf(redeem())).reason).toBe("provider_answer_invalid")
  }
})

test("45: a userinfo that is a JWT is refused, since nobody checked who signed it", async () => {
  acme.metadata.userinfo_signing_alg_values_supported = ["ES256"]
  acme.tokens.id_token = await acme.sign()
  const forged = await acme.sign({ email: "ada@shop.example" }, {}, await createKey("first"))
  acme.answers.set(`${ISSUER}/userinfo`, () => new Response(forged, { headers: { "content-type": "application/jwt" } }))
  expect((await refusalOf(redeem())).reason).toBe("provider_answer_invalid")
})

test("45: without any address there is still an identity", async () => {
  acme.tokens.id_token = await acme.sign()
  acme.metadata.userinfo_endpoint = undefined
  expect(await redeem()).toEqual({ issuer: ISSUER, subject: "ada-1", emailVerified: false })
})

test("46: an address counts as verified only when the provider says so", async () => {
  const email = "ada@shop.example"
  for (const verified of [true, "true"]) {
    acme.tokens.id_token = await acme.sign({ email, email_verified: verified })
    expect((await redeem()).emailVerified, JSON.stringify(verified)).toBe(true)
  }
  for (const verified of [false, "false", undefined, null, 1, "yes", {}, ["true"]]) {
    acme.tokens.id_token = await acme.sign({ email, email_verified: verified })
    expect((await redeem()).emailVerified, JSON.stringify(verified)).toBe(false)
  }
})

test("46: what isn't an address is none, and is never verified", async () => {
  for (const email of ["ada", "", "ada@", "@b.example", "a@b@c", "a b@c.example", "a\n@c.example", 7, {}, ["a@b.c"]]) {
    acme.tokens.id_token = await acme.sign({ email, email_verified: true })
    expect(await redeem(), JSON.stringify(email)).toEqual({ issuer: ISSUER, subject: "ada-1", emailVerified: false })
  }
  acme.tokens.id_token = await acme.sign({ email: `${"a".repeat(250)}@b.example`, email_verified: true })
  expect(await redeem()).not.toHaveProperty("email")
})

test("names are one line of at most 200 characters", async () => {
  const nameOf = async (name: unknown) => {
    acme.tokens.id_token = await acme.sign({ email: "ada@shop.example", name })
    return (await redeem()).name
  }
  expect(await nameOf(" Ada\u0000\nKing\t")).toBe("Ada King")
  expect(await nameOf("a".repeat(1000))).toHaveLength(200)
  for (const name of ["", " \n ", 7, null, {}]) expect(await nameOf(name), JSON.stringify(name)).toBeUndefined()
})

test("49: nothing is asked before somebody signs in, and metadata is asked for once an hour", async () => {
  vi.useFakeTimers({ toFake: ["Date"] })
  const provider = connect(ISSUER, acme)
  const { redirectUri, state, nonce } = EXPECTED
  const leave = () => provider.authorizationUrl({ redirectUri, state, nonce, codeChallenge: "challenge" })
  const discoveries = () => requestsTo("/.well-known/openid-configuration").length
  expect(acme.requests).toEqual([])

  await leave()
  await leave()
  vi.setSystemTime(Date.now() + 59 * 60_000)
  await leave()
  expect(discoveries()).toBe(1)
  vi.setSystemTime(Date.now() + 60_000)
  await leave()
  expect(discoveries()).toBe(2)
})

test("49: a failed look at the metadata isn't remembered", async () => {
  const provider = connect(ISSUER, acme)
  acme.answers.set(`${ISSUER}/.well-known/openid-configuration`, () => new Response("down", { status: 503 }))
  expect((await refusalOf(provider.redeem(callback(), EXPECTED))).reason).toBe("provider_unreachable")
  acme.answers.clear()
  expect(await provider.redeem(callback(), EXPECTED)).toMatchObject({ subject: "ada-1" })
})

test("49: metadata can't send us to a private host", async () => {
  const endpoints = ["token_endpoint", "jwks_uri", "userinfo_endpoint"]
  for (const endpoint of endpoints) {
    for (const address of ["http://login.acme.example/x", "https://169.254.169.254/latest", "https://[::1]/", 7, "x"]) {
      acme = await createScriptedProvider(ISSUER)
      acme.tokens.id_token = await acme.sign()
      acme.metadata[endpoint] = address
      expect((await refusalOf(redeem())).reason, `${endpoint} ${address}`).toBe("provider_answer_invalid")
      expect(acme.requests.map(({ url }) => url)).not.toContain(address)
    }
  }
})

test("49: metadata can't send the browser to a script or to plain http", async () => {
  const { redirectUri, state, nonce } = EXPECTED
  for (const address of ["javascript:alert(1)//x", "http://login.acme.example/authorize", "data:text/html,x", "", 7]) {
    acme.metadata.authorization_endpoint = address
    const leave = connect(ISSUER, acme).authorizationUrl({ redirectUri, state, nonce, codeChallenge: "challenge" })
    expect((await refusalOf(leave)).reason, String(address)).toBe("provider_answer_invalid")
  }
})

test("what the provider answers is told apart: it refuses, it is down, it talks nonsense", async () => {
  const answers: [string, () => Response][] = [
    ["provider_refused", () => Response.json({ error: "invalid_grant" }, { status: 400 })],
    ["provider_refused", () => Response.json({ error: "invalid_client" }, { status: 401 })],
    ["provider_refused", () => new Response("", { status: 401, headers: { "www-authenticate": "Basic realm=x" } })],
    ["provider_unreachable", () => new Response("", { status: 503 })],
    ["provider_unreachable", () => new Response("", { status: 429 })],
    ["provider_answer_invalid", () => new Response("", { status: 404 })],
    ["provider_answer_invalid", () => new Response(null, { status: 204 })],
    ["provider_answer_invalid", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["provider_answer_invalid", () => Response.json([])],
    ["provider_answer_invalid", () => Response.json({ ...acme.tokens, access_token: undefined })],
    ["provider_answer_invalid", () => Response.json({ ...acme.tokens, token_type: "N_A" })],
  ]
  for (const [reason, answer] of answers) {
    acme.answers.set(`${ISSUER}/token`, answer)
    const refusal = await refusalOf(redeem())
    expect(refusal.reason, refusal.message).toBe(reason)
  }
})

test("15: what the log is told of a failure holds no secret, code or token", async () => {
  const answers: (() => Response)[] = [
    () => new Response(`{"access_token":"${ACCESS_TOKEN}`, { headers: { "content-type": "application/json" } }),
    () => new Response(ACCESS_TOKEN, { headers: { "content-type": "application/json" } }),
    () => Response.json({ error: `${CODE} ${CREDENTIALS.clientSecret}`, error_description: CODE }, { status: 400 }),
    () => Response.json({ ...acme.tokens, id_token: "a.b.c" }),
    () => Response.json({ ...acme.tokens, token_type: ACCESS_TOKEN }),
    () => new Response(ACCESS_TOKEN, { status: 500 }),
    () => new Response("", { status: 302, headers: { location: `https://evil.example/?${CODE}` } }),
  ]
  for (const answer of answers) {
    acme.answers.set(`${ISSUER}/token`, answer)
    const told = describeWhole(await refusalOf(redeem()))
    for (const secret of SECRETS) expect(told).not.toContain(secret)
  }
})

test("an issuer has to be a URL, and an ID token has to be asked for", () => {
  for (const issuer of ["acme", "", "ftp://acme.example", "https://acme.example/?a=b", "https://acme.example/#a"]) {
    expect(() => openid({ issuer }), issuer).toThrow(TypeError)
  }
  expect(() => openid({ issuer: ISSUER, scopes: ["email"] })).toThrow(TypeError)
})
