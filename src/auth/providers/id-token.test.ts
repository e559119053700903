import { base64url, SignJWT } from "jose"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import {
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

test("43: an ID token signed by RS256 is taken as one by ES256 is", async () => {
  acme = await createScriptedProvider(ISSUER, "RS256")
  expect(await redeem()).toMatchObject({ subject: "ada-1" })
})

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600
const anHourAgo = () => Math.floor(Date.now() / 1000) - 3600
const unsigned = (header: object) =>
  `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(acme.claims()))}.`
const signedByText = (secret: string) =>
  new SignJWT(acme.claims()).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret))

/** Each differs from a good ID token in one thing. */
const FORGED: Record<string, () => unknown> = {
  "another nonce": () => acme.sign({ nonce: "a-nonce-of-somebody-else" }),
  "no nonce": () => acme.sign({ nonce: undefined }),
  "another audience": () => acme.sign({ aud: "another client" }),
  "a longer audience": () => acme.sign({ aud: `${CREDENTIALS.clientId}-2` }),
  "no audience": () => acme.sign({ aud: undefined }),
  "two audiences and no party": () => acme.sign({ aud: [CREDENTIALS.clientId, "another client"] }),
  "two audiences, another party": () =>
    acme.sign({ aud: [CREDENTIALS.clientId, "another client"], azp: "another client" }),
  "our audience, another party": () => acme.sign({ azp: "another client" }),
  "another issuer": () => acme.sign({ iss: "https://login.evil.example" }),
  "the issuer with a slash": () => acme.sign({ iss: `${ISSUER}/` }),
  "no issuer": () => acme.sign({ iss: undefined }),
  expired: () => acme.sign({ iat: anHourAgo() - 60, exp: anHourAgo() }),
  "no expiry": () => acme.sign({ exp: undefined }),
  "an expiry in text": () => acme.sign({ exp: String(inAnHour()) }),
  "not valid yet": () => acme.sign({ nbf: inAnHour() }),
  "no subject": () => acme.sign({ sub: undefined }),
  "an empty subject": () => acme.sign({ sub: "" }),
  "a subject of 256 characters": () => acme.sign({ sub: "a".repeat(256) }),
  "a subject with a NUL": () => acme.sign({ sub: "ada\u0000" }),
  "algorithm none": () => unsigned({ alg: "none" }),
  "algorithm None": () => unsigned({ alg: "None" }),
  "a good header without a signature": () => unsigned({ alg: "ES256", kid: "first" }),
  "HS256 by the client secret": () => signedByText(CREDENTIALS.clientSecret),
  "HS256 by the public key": () => signedByText(JSON.stringify(acme.key.publicJwk)),
  "another key under a known kid": async () => acme.sign({}, {}, await createKey("first")),
  "another key that the token brings along": async () => {
    const key = await createKey("first")
    return acme.sign({}, { jwk: key.publicJwk }, key)
  },
  "another key that the token links to": async () => {
    const key = await createKey("first")
    acme.answers.set("https://keys.evil.example/jwks", () => Response.json({ keys: [key.publicJwk] }))
    return acme.sign({}, { jku: "https://keys.evil.example/jwks" }, key)
  },
  "an unknown kid": async () => acme.sign({}, {}, await createKey("second")),
  "an unknown kid over the known key": () => acme.sign({}, { kid: "second" }),
  "a payload changed after signing": async () => {
    const [header, , signature] = (await acme.sign()).split(".")
    return `${header}.${base64url.encode(JSON.stringify(acme.claims({ sub: "eve-1" })))}.${signature}`
  },
  "a critical extension": async () => {
    const token = await acme.sign()
    const header = base64url.encode(JSON.stringify({ alg: "ES256", kid: "first", crit: ["x"], x: 1 }))
    return [header, ...token.split(".").slice(1)].join(".")
  },
  "five parts": async () => `${await acme.sign()}.a.b`,
  "no JWT": () => "an ID token",
  "no text": () => ({ sub: "ada-1" }),
  nothing: () => undefined,
}

test.for(Object.keys(FORGED))("43: an ID token is refused: %s", async (name) => {
  acme.metadata.userinfo_endpoint = undefined
  acme.tokens.id_token = await FORGED[name]!()
  const refusal = await refusalOf(redeem())
  expect(refusal.reason).toBe("provider_answer_invalid")
})

test("43: two audiences are fine when we are the party that asked", async () => {
  acme.tokens.id_token = await acme.sign({ aud: [CREDENTIALS.clientId, "another client"], azp: CREDENTIALS.clientId })
  expect(await redeem()).toMatchObject({ subject: "ada-1" })
})

test("43: a key published for another algorithm or for encryption doesn't verify", async () => {
  for (const changes of [{ alg: "ES384" }, { use: "enc" }, { key_ops: ["sign"] }, { kty: "oct" }]) {
    acme.jwks = [{ ...acme.key.publicJwk, ...changes }]
    const refusal = await refusalOf(redeem())
    expect(refusal.reason, JSON.stringify(changes)).toBe("provider_answer_invalid")
  }
})

test("43: keys are kept for 5 minutes, and asked for again when a token names an unknown one", async () => {
  vi.useFakeTimers({ toFake: ["Date"] })
  const provider = connect(ISSUER, acme)
  const signIn = async () => {
    acme.tokens.id_token = await acme.sign({ email: "ada@shop.example" }, {}, key)
    await provider.redeem(callback(), EXPECTED)
    return requestsTo("/jwks").length
  }
  let key = acme.key
  expect(await signIn()).toBe(1)
  expect(await signIn()).toBe(1)

  vi.setSystemTime(Date.now() + 2 * 60_000)
  expect(await signIn()).toBe(1)
  key = await createKey("second")
  acme.jwks.push(key.publicJwk)
  expect(await signIn()).toBe(2)
  expect(await signIn()).toBe(2)

  vi.setSystemTime(Date.now() + 5 * 60_000)
  acme.jwks = []
  await refusalOf(signIn() as Promise<never>)
})

test("15: what the log is told of a refused ID token holds neither it nor a secret", async () => {
  for (const forge of Object.values(FORGED)) {
    acme.tokens.id_token = await forge()
    const told = describeWhole(await refusalOf(redeem()))
    for (const secret of [...SECRETS, acme.tokens.id_token]) if (secret) expect(told).not.toContain(secret)
  }
})
