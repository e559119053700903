/** Adding a passkey: every answer but an honest one is refused. */

import { env } from "cloudflare:workers"
import { base64url } from "jose"
import { beforeAll, describe, expect, test } from "vitest"
import { type Algorithm, createAuthenticator, type Ways } from "./passkey-authenticator.ts"
import { createPasskeyScenario, type PasskeyScenario, type Person } from "./passkey-scenario.ts"
import { createAuthScenario, tripsOf } from "./scenario.ts"

const MINUTE_MS = 60_000
const LISTED = "http://localhost:8788"

let scenario: PasskeyScenario
let ada: Person
let grace: Person

beforeAll(async () => {
  scenario = createPasskeyScenario()
  ada = await scenario.newUser()
  grace = await scenario.newUser()
})

test("a passkey is added with a name, and signs its owner in without password or address", async () => {
  const key = await createAuthenticator({ synced: true, backedUp: true })
  const made = await scenario.register(key, ada.accessToken, {}, "My phone")
  expect(made.status).toBe(201)
  expect(made.body).toEqual({
    id: key.id,
    name: "My phone",
    createdAt: expect.any(String),
    lastUsedAt: null,
    backedUp: true,
    transports: ["internal"],
  })
  const answer = await scenario.signIn(key, { backedUp: false })
  expect(answer.status).toBe(200)
  expect(answer.body).toMatchObject({
    user: { id: ada.user.id },
    tokenType: "Bearer",
    refreshToken: expect.any(String),
  })
  expect(await scenario.stored(key.id)).toMatchObject({ backed_up: 0, last_used_at: scenario.now() })
})

test("what is asked of an authenticator: a discoverable passkey, no attestation, a handle that is no address", async () => {
  const key = await scenario.passkeyOf(ada.accessToken)
  const options = await scenario.ask("register/options", ada.accessToken)
  expect(options).toMatchObject({
    rp: { id: "edge.example", name: "The film shop" },
    user: { id: base64url.encode(ada.user.id), name: ada.email },
    attestation: "none",
    authenticatorSelection: { residentKey: "required", userVerification: "preferred" },
  })
  expect(options.excludeCredentials).toContainEqual({ id: key.id, transports: ["internal"], type: "public-key" })
  expect(await scenario.ask("sign-in/options")).toMatchObject({
    rpId: "edge.example",
    allowCredentials: [],
    userVerification: "preferred",
  })
})

test.each<[string, Algorithm]>([
  ["ES256", -7],
  ["Ed25519", -8],
  ["RS256", -257],
])("a key of %s signs in", async (_, algorithm) => {
  const key = await scenario.passkeyOf(ada.accessToken, {}, algorithm)
  expect(await scenario.signIn(key)).toMatchObject({ status: 200, body: { user: { id: ada.user.id } } })
})

test("23: a challenge has 256 random bits, and only its hash is stored", async () => {
  for (const path of ["register/options", "sign-in/options"] as const) {
    const [one, two] = [await scenario.ask(path, ada.accessToken), await scenario.ask(path, ada.accessToken)]
    expect(base64url.decode(one.challenge)).toHaveLength(32)
    expect(one.challenge).not.toBe(two.challenge)
    const rows = await env.DB.prepare("SELECT * FROM _one_time").all()
    expect(JSON.stringify(rows.results)).not.toContain(one.challenge)
  }
})

describe("registration", () => {
  const refused = { status: 422, body: { code: "validation_failed", errors: [{ pointer: "/response" }] } }

  test.each<[string, Ways]>([
    ["24: another origin", { origin: "https://edge.example.evil.example" }],
    ["24: our origin in plain HTTP", { origin: "http://edge.example" }],
    ["24: our origin on another port", { origin: "https://edge.example:8443" }],
    ["24: our origin spelled otherwise", { origin: "https://EDGE.example" }],
    ["24: another relying party", { rpId: "example" }],
    ["24: the type of the other ceremony", { type: "webauthn.get" }],
    ["24: nobody present", { present: false }],
    ["24: a frame in a page of another site", { crossOrigin: true }],
    ["23: a challenge that nobody gave", { challenge: base64url.encode(new Uint8Array(32)) }],
    ["23: no challenge at all", { challenge: "" }],
    ["25: the id of another credential", { id: base64url.encode(new Uint8Array(16)) }],
    ["24: a backed-up key that can't be backed up", { backedUp: true }],
    ["a statement where there should be none", { statement: new Map([["sig", new Uint8Array(8)]]) }],
    [
      "a certificate",
      {
        format: "packed",
        statement: new Map<string, unknown>([
          ["alg", -7],
          ["x5c", [new Uint8Array(8)]],
        ]),
      },
    ],
    ["a format that vouches with a certificate", { format: "android-key" }],
  ])("%s is refused, and noted", async (_, ways) => {
    const key = await createAuthenticator()
    expect(await scenario.register(key, ada.accessToken, ways)).toMatchObject(refused)
    expect(await scenario.stored(key.id)).toBe(null)
    expect((await scenario.events(ada.user.id)).at(-1)).toMatchObject({ event: "factor_added", result: "refused" })
  })

  test("24: a key of an algorithm that wasn't asked for is refused", async () => {
    const key = await createAuthenticator()
    expect(await scenario.register(key, ada.accessToken, { algorithm: -35 })).toMatchObject(refused)
  })

  test("a key that vouches for itself is taken, as browsers pass it on, but not with a wrong signature", async () => {
    const [honest, other] = [await createAuthenticator(), await createAuthenticator()]
    expect(await scenario.register(honest, ada.accessToken, { selfAttested: true })).toMatchObject({ status: 201 })
    const statement = new Map<string, unknown>([
      ["alg", -7],
      ["sig", new Uint8Array(70)],
    ])
    const wrong = await scenario.register(other, ada.accessToken, { format: "packed", statement })
    expect(wrong).toMatchObject(refused)
  })

  test("24: the sites of the backend may register", async () => {
    const key = await createAuthenticator()
    expect(await scenario.register(key, ada.accessToken, { origin: LISTED })).toMatchObject({ status: 201 })
  })

  test("23: a challenge is used once, and lives 5 minutes", async () => {
    const [first, second] = [await createAuthenticator(), await createAuthenticator()]
    const token = ada.accessToken
    const options = await scenario.ask("register/options", token)
    expect(await scenario.redeem("register", await first.create(options), { token })).toMatchObject({ status: 201 })
    expect(await scenario.redeem("register", await second.create(options), { token })).toMatchObject(refused)
    const late = await scenario.ask("register/options", token)
    const response = await second.create(late)
    scenario.advance(5 * MINUTE_MS)
    expect(await scenario.redeem("register", response, { token })).toMatchObject(refused)
    scenario.advance(-5 * MINUTE_MS)
  })

  test("23: another user's challenge is refused, and stays good for that user", async () => {
    const options = await scenario.ask("register/options", ada.accessToken)
    const key = await createAuthenticator()
    const response = await key.create(options)
    const theft = await scenario.redeem("register", response, { token: grace.accessToken })
    expect(theft).toMatchObject(refused)
    const own = await scenario.redeem("register", response, { token: ada.accessToken })
    expect(own).toMatchObject({ status: 201 })
  })

  test("11, 23: a challenge to sign in with registers nothing", async () => {
    const key = await createAuthenticator()
    const { challenge } = await scenario.ask("sign-in/options")
    expect(await scenario.register(key, ada.accessToken, { challenge })).toMatchObject(refused)
  })

  test("26: a credential id is registered once, whoever asks again", async () => {
    const key = await scenario.passkeyOf(ada.accessToken)
    for (const { accessToken } of [ada, grace]) {
      expect(await scenario.register(key, accessToken)).toMatchObject({ status: 409, body: { code: "conflict" } })
    }
    expect(await scenario.stored(key.id)).toMatchObject({ user_id: ada.user.id })
  })

  test("12: of 20 registrations with one answer exactly one succeeds", async () => {
    const key = await createAuthenticator()
    const response = await key.create(await scenario.ask("register/options", ada.accessToken))
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => scenario.redeem("register", response, { token: ada.accessToken })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(422)])
  })

  test("an account has at most 50 passkeys", async () => {
    const person = await scenario.newUser()
    await env.DB.batch(
      Array.from({ length: 50 }, (_, i) =>
        env.DB.prepare(
          "INSERT INTO _passkeys (id, user_id, public_key, counter, transports, backed_up, aaguid, name, created_at) VALUES (?, ?, '', 0, '[]', 0, '', 'old', 1)",
        ).bind(`old-${i}`, person.user.id),
      ),
    )
    const answer = await scenario.register(await createAuthenticator(), person.accessToken)
    expect(answer).toMatchObject({ status: 409, body: { detail: expect.stringContaining("50") } })
  })

  test("60: fields are bounded, and what isn't base64url is refused", async () => {
    const key = await createAuthenticator()
    const honest = await key.create(await scenario.ask("register/options", ada.accessToken))
    const bent = [
      { ...honest, id: "A".repeat(1_365) },
      { ...honest, type: "password" },
      { ...honest, response: { ...honest.response, clientDataJSON: "{}" } },
      { ...honest, response: { ...honest.response, attestationObject: "A".repeat(16_385) } },
      { ...honest, response: { ...honest.response, transports: Array(11).fill("usb") } },
    ]
    for (const response of bent) {
      const answer = await scenario.redeem("register", response, { token: ada.accessToken })
      expect(answer).toMatchObject({ status: 422, body: { code: "validation_failed" } })
    }
    const nested = { ...honest, response: { ...honest.response, attestationObject: "gYGB".repeat(4_000) } }
    const answer = await scenario.redeem("register", nested, { token: ada.accessToken })
    expect(answer).toMatchObject(refused)
  })
})

test("options cost one trip, registration one, sign-in two", async () => {
  const counted = createAuthScenario()
  const token = ada.accessToken
  const key = await createAuthenticator()
  const options = await counted.auth("passkeys/register/options", undefined, { token })
  await counted.auth("passkeys/register", { response: await key.create(options.body) }, { token })
  const request = await counted.auth("passkeys/sign-in/options")
  await counted.auth("passkeys/sign-in", { response: await key.get(request.body) })
  expect(tripsOf(counted)).toEqual([1, 1, 1, 2])
})

test("the relying party is the one that the application names", async () => {
  const other = createAuthScenario({ url: "https://api.shop.example", passkeys: { relyingParty: "shop.example" } })
  const key = await createAuthenticator({ origin: "https://api.shop.example", rpId: "shop.example" })
  const token = ada.accessToken
  const { body } = await other.auth("passkeys/register/options", undefined, { token })
  expect(body.rp.id).toBe("shop.example")
  const made = await other.auth("passkeys/register", { response: await key.create(body) }, { token })
  expect(made).toMatchObject({ status: 201 })
})

test("browsers are told which sites may use the passkeys", async () => {
  const answer = await scenario.call("GET", "/.well-known/webauthn")
  expect(answer).toMatchObject({
    status: 200,
    body: { origins: ["https://edge.example", LISTED, "http://127.0.0.1:8788"] },
  })
})
