/** Sign-in through providers: the way there and back, and what may come of it. */

import { env } from "cloudflare:workers"
import { createHash } from "node:crypto"
import { beforeAll, describe, expect, test } from "vitest"
import { resolveAuth } from "../../src/auth/settings.ts"
import { openid } from "../../src/index.ts"
import {
  CHALLENGE,
  createProviderScenario,
  ISSUERS,
  locationOf,
  type Person,
  type ProviderScenario,
  SITE,
  VERIFIER,
} from "./provider-visits.ts"
import { createAuthScenario, PASSWORD, tripsOf } from "./scenario.ts"

const MINUTE = 60_000
const NO_STATE = { status: 400, body: { code: "invalid_query", errors: [{ parameter: "state" }] } }
const NO_CODE = { status: 401, body: { code: "invalid_credentials", errors: [{ pointer: "/code" }] } }

let scenario: ProviderScenario
let people = 0

beforeAll(async () => {
  scenario = await createProviderScenario()
})

function newPerson(facts: Partial<Person> = {}): Person {
  const sub = `person-${++people}`
  return { sub, email: `${sub}@people.example`, email_verified: true, name: `Person ${people}`, ...facts }
}

async function storedText(): Promise<string> {
  const tables = ["_one_time", "_auth_events", "_users", "_identities", "_sessions"]
  const rows = await env.DB.batch(tables.map((table) => env.DB.prepare(`SELECT * FROM ${table}`)))
  return JSON.stringify(rows.map(({ results }) => results))
}

describe("the way to a provider and back", () => {
  test("makes an account out of a stranger, in 1 + 2 + 2 trips", async () => {
    const fresh = await createProviderScenario()
    const person = newPerson({ email: "Stranger@People.example", name: "A stranger" })
    const { status, body } = await fresh.signIn("acme", person)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      user: { email: "stranger@people.example", emailVerified: true, name: "A stranger", isAnonymous: false },
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
    })
    expect(tripsOf(fresh)).toEqual([1, 2, 2])
    expect(await fresh.events(body.user.id)).toMatchObject([
      { event: "identity_linked", result: "ok", detail: JSON.stringify({ issuer: ISSUERS.acme }) },
      { event: "sign_up", result: "ok", detail: JSON.stringify({ method: "oauth:acme" }) },
    ])
    const again = await fresh.signIn("acme", person)
    expect(again.body.user.id).toBe(body.user.id)
    expect(tripsOf(fresh).slice(-3)).toEqual([1, 2, 2])
    const metadata = fresh.providers.acme.requests.filter(({ url }) => url.includes("/.well-known/"))
    expect(metadata).toHaveLength(1)
  })

  test("lists the providers that have credentials, and knows no others", async () => {
    const { body } = await scenario.call("GET", "/v1/auth/providers")
    expect(body).toEqual({
      data: [
        { name: "acme", issuer: ISSUERS.acme },
        { name: "other", issuer: ISSUERS.other },
      ],
    })
    const query = new URLSearchParams({ redirectTo: SITE, codeChallenge: CHALLENGE })
    for (const name of ["half", "github", "nobody", "constructor"]) {
      expect(await scenario.call("GET", `/v1/auth/oauth/${name}?${query}`)).toMatchObject({ status: 404 })
      expect(await scenario.call("GET", `/v1/auth/oauth/${name}/callback?state=x`)).toMatchObject({ status: 404 })
    }
    expect(() => resolveAuth({ name: "Shop", providers: { "Acme/1": openid() } })).toThrow(TypeError)
    const without = createAuthScenario({ providers: {} })
    expect(await without.call("GET", "/v1/auth/providers")).toMatchObject({ status: 404 })
  })

  test("42, 15: leaves with state, nonce and an S256 challenge, of which the database holds nothing", async () => {
    const query = new URLSearchParams({ redirectTo: SITE, codeChallenge: CHALLENGE })
    const answer = await scenario.call("GET", `/v1/auth/oauth/acme?${query}`)
    expect(answer.headers.get("Referrer-Policy")).toBe("no-referrer")
    expect(answer.headers.get("Cache-Control")).toContain("no-store")
    const away = locationOf(answer)
    expect(`${away.origin}${away.pathname}`).toBe(`${ISSUERS.acme}/authorize`)
    const sent = Object.fromEntries(away.searchParams)
    expect(sent).toMatchObject({
      response_type: "code",
      redirect_uri: "https://edge.example/v1/auth/oauth/acme/callback",
      code_challenge_method: "S256",
    })
    const stored = await storedText()
    const back = await scenario.comeBack(await scenario.visit("acme", away, newPerson()))
    expect(back.headers.get("Referrer-Policy")).toBe("no-referrer")
    expect(back.headers.get("Cache-Control")).toContain("no-store")
    const location = locationOf(back)
    expect(`${location.origin}${location.pathname}`).toBe("http://localhost:8788/signed-in")
    expect([...location.searchParams.keys()]).toEqual(["tab", "code"])

    const { body } = scenario.providers.acme.requests.findLast(({ url }) => url.endsWith("/token"))!
    const verifier = body.get("code_verifier")!
    expect(createHash("sha256").update(verifier).digest("base64url")).toBe(sent.code_challenge)
    expect(new Set([sent.state, sent.nonce, verifier]).size).toBe(3)
    const everything = [stored, await storedText(), JSON.stringify(scenario.logged)].join()
    for (const secret of [sent.state, sent.nonce, verifier, location.searchParams.get("code")])
      expect(everything).not.toContain(secret)
  })

  test("42: a state that is used, too old, missing or made up leads nowhere", async () => {
    const away = await scenario.leave("acme")
    const path = await scenario.visit("acme", away, newPerson())
    locationOf(await scenario.comeBack(path))
    expect(await scenario.comeBack(path)).toMatchObject(NO_STATE)
    const late = await scenario.visit("acme", await scenario.leave("acme"), newPerson())
    scenario.advance(10 * MINUTE)
    expect(await scenario.comeBack(late)).toMatchObject(NO_STATE)
    for (const query of ["", "?code=x", "?code=x&state=", `?code=x&state=${"a".repeat(43)}`, "?error=access_denied"])
      expect(await scenario.comeBack(`/v1/auth/oauth/acme/callback${query}`)).toMatchObject(NO_STATE)
  })

  test("42: of 20 callbacks at once one comes through", async () => {
    const path = await scenario.visit("acme", await scenario.leave("acme"), newPerson())
    const asked = scenario.providers.acme.requests.length
    const answers = await Promise.all(Array.from({ length: 20 }, () => scenario.comeBack(path)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([302, ...Array(19).fill(400)])
    expect(scenario.providers.acme.requests.slice(asked).filter(({ url }) => url.endsWith("/token"))).toHaveLength(1)
  })

  test("42: a nonce that isn't the one of this sign-in is refused", async () => {
    const path = await scenario.visit("acme", await scenario.leave("acme"), newPerson())
    await scenario.visit("acme", await scenario.leave("acme"), newPerson())
    expect(locationOf(await scenario.comeBack(path)).searchParams.get("error")).toBe("provider_answer_invalid")
  })

  test("44: what one provider answers is refused at the callback of another", async () => {
    const path = await scenario.visit("acme", await scenario.leave("acme"), newPerson())
    const asked = scenario.providers.other.requests.length
    expect(await scenario.comeBack(path.replace("/acme/", "/other/"))).toMatchObject(NO_STATE)
    expect(await scenario.comeBack(path)).toMatchObject(NO_STATE)
    expect(scenario.providers.other.requests).toHaveLength(asked)
    expect((await scenario.events()).at(-1)).toMatchObject({
      event: "sign_in",
      result: "refused",
      detail: JSON.stringify({ method: "oauth:acme", reason: "another provider" }),
    })
  })

  test("44: an answer that names another issuer is refused where the provider promises to name itself", async () => {
    const fresh = await createProviderScenario()
    fresh.providers.acme.metadata.authorization_response_iss_parameter_supported = true
    for (const [iss, error] of [
      ["", "provider_answer_invalid"],
      [`&iss=${encodeURIComponent(ISSUERS.other)}`, "provider_answer_invalid"],
      [`&iss=${encodeURIComponent(ISSUERS.acme)}`, null],
    ]) {
      const path = await fresh.visit("acme", await fresh.leave("acme"), newPerson())
      expect(locationOf(await fresh.comeBack(path + iss)).searchParams.get("error")).toBe(error)
    }
  })

  test("33: the code works once, for 60 seconds, with the site's verifier", async () => {
    const codeOf = async () => (await scenario.arrive("acme", await scenario.leave("acme"), newPerson())).code
    const code = await codeOf()
    const answers = await Promise.all(Array.from({ length: 20 }, () => scenario.exchange(code)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(401)])
    const stolen = await codeOf()
    expect(await scenario.exchange(stolen, { verifier: "x".repeat(43) })).toMatchObject(NO_CODE)
    expect(await scenario.exchange(stolen)).toMatchObject(NO_CODE)
    const late = await codeOf()
    scenario.advance(MINUTE)
    expect(await scenario.exchange(late)).toMatchObject(NO_CODE)
  })

  test("48: nobody is sent to a site that isn't listed, and the challenge is a SHA-256", async () => {
    const leave = (query: Record<string, string>) =>
      scenario.call("GET", `/v1/auth/oauth/acme?${new URLSearchParams(query)}`)
    const before = (await storedText()).length
    for (const redirectTo of [
      "https://evil.example/",
      "http://localhost:8789/",
      "http://localhost:8788@evil.example/",
      "http://localhost:8788\\@evil.example/",
      "http://localhost:8788.evil.example/",
      "http://localhost:8788//evil.example",
      "http://localhost:8788/%2f%2fevil.example",
      "//localhost:8788/",
      "javascript:alert(1)//http://localhost:8788/",
      "/signed-in",
      "",
    ]) {
      const answer = await leave({ redirectTo, codeChallenge: CHALLENGE })
      expect(answer, redirectTo).toMatchObject({ status: 400, body: { errors: [{ parameter: "redirectTo" }] } })
      expect(answer.headers.get("Location")).toBeNull()
    }
    for (const codeChallenge of ["", "short", `${CHALLENGE}A`, `${CHALLENGE.slice(1)}+`])
      expect(await leave({ redirectTo: SITE, codeChallenge })).toMatchObject({ status: 400 })
    expect(await leave({ redirectTo: SITE })).toMatchObject({ status: 400 })
    expect((await storedText()).length).toBe(before)
  })

  test("a person who changes their mind, and a provider that fails, are told to the site; the log has the failure", async () => {
    const fresh = await createProviderScenario()
    const { acme } = fresh.providers
    const errorAfter = async (path: string) => locationOf(await fresh.comeBack(path)).searchParams.get("error")
    const denied = async (error: string) => {
      const path = await fresh.visit("acme", await fresh.leave("acme"), newPerson())
      return errorAfter(path.replace(/code=[^&]*/, `error=${error}`))
    }
    expect(await denied("access_denied")).toBe("access_denied")
    expect(await denied("server_error")).toBe("provider_refused")
    const failures = () => fresh.logged.filter(({ event }) => event === "failure")
    expect(failures()).toEqual([])

    const path = await fresh.visit("acme", await fresh.leave("acme"), newPerson())
    acme.answers.set(`${ISSUERS.acme}/token`, () => new Response("busy", { status: 503 }))
    expect(await errorAfter(path)).toBe("provider_unreachable")
    await fresh.settled()
    expect(failures()).toMatchObject([{ causes: [expect.stringContaining("acme: login.acme.example answers")] }])

    const unknown = await createProviderScenario()
    unknown.providers.acme.answers.set(`${ISSUERS.acme}/.well-known/openid-configuration`, () => {
      throw new TypeError("no route")
    })
    const away = await unknown.leave("acme")
    expect([away.origin, away.searchParams.get("error")]).toEqual(["http://localhost:8788", "provider_unreachable"])
  })
})

describe("whose account it is", () => {
  const TABLE = [
    { local: "verified", provider: "verified", outcome: "linked" },
    { local: "verified", provider: "unverified", outcome: "account_exists" },
    { local: "unverified", provider: "verified", outcome: "taken over" },
    { local: "unverified", provider: "unverified", outcome: "account_exists" },
  ] as const

  for (const { local, provider, outcome } of TABLE) {
    test(`46: a local address that is ${local}, and ${provider} at the provider: ${outcome}`, async () => {
      const person = newPerson({ email_verified: provider === "verified" })
      const account = await scenario.account(person.email!, { verified: local === "verified" })
      const { code, error } = await scenario.arrive("acme", await scenario.leave("acme"), person)
      if (outcome === "account_exists") {
        expect({ code, error }).toEqual({ code: null, error: "account_exists" })
        expect(await scenario.auth("sign-in", { email: person.email, password: PASSWORD })).toMatchObject({
          status: 200,
        })
        expect(await scenario.identities(account)).toEqual([])
        return
      }
      const { status, body } = await scenario.exchange(code)
      expect(status).toBe(200)
      expect(body.user).toMatchObject({ id: account.user.id, email: person.email, emailVerified: true })
      expect(await scenario.identities(body)).toMatchObject([{ issuer: ISSUERS.acme, email: person.email }])
      const old = await scenario.auth("sign-in", { email: person.email, password: PASSWORD })
      expect(old.status).toBe(outcome === "linked" ? 200 : 401)
      expect((await scenario.events(account.user.id)).map(({ event }) => event)).toContain("identity_linked")
    })
  }

  test("47: an account that was planted under somebody's address keeps nothing of who planted it", async () => {
    const victim = newPerson()
    const planted = await scenario.account(victim.email!, { verified: false })
    const { body: key } = await scenario.auth(
      "keys",
      { name: "backdoor", scopes: ["films:read"] },
      { token: planted.accessToken },
    )
    const accomplice = newPerson({ email_verified: false })
    const away = await scenario.leaveToLink("other", planted)
    const { code } = await scenario.arrive("other", away, accomplice)
    expect(
      await scenario.auth("identities", { code, codeVerifier: VERIFIER }, { token: planted.accessToken }),
    ).toMatchObject({ status: 201 })
    const idle = await scenario.arrive("other", await scenario.leave("other"), accomplice)

    const { body } = await scenario.signIn("acme", victim)
    expect(body.user).toMatchObject({ id: planted.user.id, emailVerified: true })
    expect(await scenario.identities(body)).toMatchObject([{ provider: "acme" }])
    expect(await scenario.auth("refresh", { refreshToken: planted.refreshToken })).toMatchObject({ status: 401 })
    expect(await scenario.auth("sign-in", { email: victim.email, password: PASSWORD })).toMatchObject({ status: 401 })
    expect(await scenario.call("GET", "/v1/films", { headers: { Authorization: `Bearer ${key.key}` } })).toMatchObject({
      status: 401,
    })
    const { body: late } = await scenario.exchange(idle.code)
    expect(late.user.id).not.toBe(planted.user.id)
    const { body: back } = await scenario.signIn("other", accomplice)
    expect(back.user.id).not.toBe(planted.user.id)
  })

  test("47: an account that a provider opened under an unproved address falls to the owner of the address", async () => {
    const email = newPerson().email!
    const squatter = newPerson({ email, email_verified: false })
    const { body: squat } = await scenario.signIn("other", squatter)
    expect(squat.user).toMatchObject({ email, emailVerified: false })
    const { body } = await scenario.signIn("acme", newPerson({ email }))
    expect(body.user).toMatchObject({ id: squat.user.id, emailVerified: true })
    expect(await scenario.auth("refresh", { refreshToken: squat.refreshToken })).toMatchObject({ status: 401 })
    const away = await scenario.leave("other")
    expect(await scenario.arrive("other", away, squatter)).toEqual({ code: null, error: "account_exists" })
  })

  test("45: it goes by issuer and subject, whatever becomes of the address", async () => {
    const ada = newPerson()
    const { body } = await scenario.signIn("acme", ada)
    const moved = await scenario.signIn("acme", { ...ada, email: "ada-2@people.example" })
    expect(moved.body.user).toMatchObject({ id: body.user.id, email: ada.email })
    const silent = await scenario.signIn("acme", { sub: ada.sub })
    expect(silent.body.user.id).toBe(body.user.id)
    const reused = newPerson({ email: "ada-2@people.example" })
    expect((await scenario.signIn("acme", reused)).body.user.id).not.toBe(body.user.id)
    const namesake = { ...ada, email: newPerson().email }
    expect((await scenario.signIn("other", namesake)).body.user.id).not.toBe(body.user.id)
  })

  test("an account needs no address, and one that the provider hasn't verified stays unverified", async () => {
    const { body } = await scenario.signIn("acme", { sub: "nobody-in-particular" })
    expect(body.user).toMatchObject({ email: null, emailVerified: false, isAnonymous: false })
    const doubtful = await scenario.signIn("acme", newPerson({ email_verified: false }))
    expect(doubtful.body.user).toMatchObject({ emailVerified: false })
  })

  test("22: a second factor is asked for after any provider, and until then there is no token", async () => {
    const person = newPerson()
    const { body } = await scenario.signIn("acme", person)
    await env.DB.prepare("UPDATE _users SET mfa = 1 WHERE id = ?").bind(body.user.id).run()
    const { status, body: answer } = await scenario.signIn("acme", person)
    expect({ status, answer }).toEqual({
      status: 200,
      answer: { mfa: { ticket: expect.any(String), methods: ["totp", "recovery"] } },
    })
    const { body: linked } = await scenario.signIn("other", { ...newPerson(), email: person.email })
    expect(Object.keys(linked)).toEqual(["mfa"])
  })

  test("34: a banned or deleted account doesn't come in by a provider", async () => {
    const person = newPerson()
    const { body } = await scenario.signIn("acme", person)
    await env.DB.prepare("UPDATE _users SET banned_until = 9e15 WHERE id = ?").bind(body.user.id).run()
    expect(await scenario.signIn("acme", person)).toMatchObject({ status: 403, body: { code: "forbidden" } })
    await env.DB.prepare("UPDATE _users SET banned_until = NULL WHERE id = ?").bind(body.user.id).run()
    const { code } = await scenario.arrive("acme", await scenario.leave("acme"), person)
    const token = body.accessToken
    expect(await scenario.call("DELETE", "/v1/auth/user", { token })).toMatchObject({ status: 204 })
    expect(await scenario.exchange(code)).toMatchObject(NO_CODE)
    const { body: anew } = await scenario.signIn("acme", person)
    expect(anew.user.id).not.toBe(body.user.id)
  })

  test("an anonymous visitor keeps the id in a new account, and goes into one that is known", async () => {
    const person = newPerson()
    const { body: visitor } = await scenario.auth("anonymous")
    const { body } = await scenario.signIn("acme", person, { token: visitor.accessToken })
    expect(body.user).toMatchObject({ id: visitor.user.id, email: person.email, isAnonymous: false })
    const { body: second } = await scenario.auth("anonymous")
    const { body: known } = await scenario.signIn("acme", person, { token: second.accessToken })
    expect(known.user.id).toBe(visitor.user.id)
    expect((await scenario.events(visitor.user.id)).map(({ event }) => event)).toContain("accounts_merged")
  })

  test("a stranger who comes back ten times at once has one account", async () => {
    const person = newPerson()
    const { body: visitor } = await scenario.auth("anonymous")
    const codes: (string | null)[] = []
    for (let i = 0; i < 10; i++) codes.push((await scenario.arrive("acme", await scenario.leave("acme"), person)).code)
    const answers = await Promise.all(codes.map((code) => scenario.exchange(code, { token: visitor.accessToken })))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(new Set(answers.map(({ body }) => body.user.id))).toEqual(new Set([visitor.user.id]))
  })

  test("46: an account that comes first, between callback and exchange, is linked or refused as ever", async () => {
    for (const verified of [true, false]) {
      const person = newPerson({ email_verified: verified })
      const { code } = await scenario.arrive("acme", await scenario.leave("acme"), person)
      const account = await scenario.account(person.email!, { verified: false })
      const { status, body } = await scenario.exchange(code)
      expect(status).toBe(verified ? 200 : 409)
      if (verified) expect(body.user.id).toBe(account.user.id)
    }
  })
})
