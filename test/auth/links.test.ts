/** Sign-in with a link by mail, and the exchange of the code that its page gives to the site. */

import { env } from "cloudflare:workers"
import { createHash } from "node:crypto"
import { expect, test } from "vitest"
import { type AuthScenario, createAuthScenario, PASSWORD, tripsOf } from "./scenario.ts"

const MINUTE = 60_000
const SITE = "http://localhost:8788/signed-in?tab=1"
const VERIFIER = "a-verifier.of~the_site-with-43-characters-or-more"
const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url")
const REFUSED = { status: 401, body: { code: "invalid_credentials", errors: [{ pointer: "/code" }] } }

let people = 0

function newAddress(): string {
  return `link-${++people}@example.com`
}

async function askLink(scenario: AuthScenario, email: string): Promise<string> {
  const answer = await scenario.auth("email/link", { email, redirectTo: SITE, codeChallenge: CHALLENGE })
  expect(answer).toMatchObject({ status: 202, text: "" })
  return (await scenario.mail(email, "sign-in-link")).secret
}

function press(scenario: AuthScenario, token: string, ip?: string) {
  return scenario.call("POST", "/v1/auth/pages/sign-in", {
    body: new URLSearchParams({ token }).toString(),
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    ...(ip && { ip }),
  })
}

/** The code that the page's button gives to the site. */
async function codeOf(scenario: AuthScenario, email: string): Promise<string> {
  const { status, headers } = await press(scenario, await askLink(scenario, email))
  expect(status).toBe(303)
  return new URL(headers.get("Location")!).searchParams.get("code")!
}

function exchange(scenario: AuthScenario, code: string, call: { verifier?: string; token?: string; ip?: string } = {}) {
  const { verifier = VERIFIER, ...rest } = call
  return scenario.auth("exchange", { code, codeVerifier: verifier }, rest)
}

test("a link leads by a page back to the site, with a code that the site exchanges for a session", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const token = await askLink(scenario, email)
  const { link } = scenario.logged.find((line) => line.event === "mail")!
  expect(link).toBe(`https://edge.example/v1/auth/pages/sign-in?token=${token}`)
  const { status, headers, text } = await press(scenario, token)
  expect({ status, text }).toEqual({ status: 303, text: "" })
  expect(headers.get("Referrer-Policy")).toBe("no-referrer")
  const location = new URL(headers.get("Location")!)
  expect(`${location.origin}${location.pathname}`).toBe("http://localhost:8788/signed-in")
  expect([...location.searchParams.keys()]).toEqual(["tab", "code"])
  const answer = await exchange(scenario, location.searchParams.get("code")!)
  expect(answer).toMatchObject({
    status: 200,
    body: { user: { email, emailVerified: true }, refreshToken: expect.any(String) },
  })
  expect(answer.headers.get("Cache-Control")).toBe("private, no-store")
  expect(tripsOf(scenario)).toEqual([1, 2, 2])
  const again = await exchange(scenario, await codeOf(scenario, email))
  expect(again.body.user).toEqual(answer.body.user)
  expect((await scenario.events(answer.body.user.id)).map(({ event, detail }) => [event, detail])).toEqual([
    ["sign_up", '{"method":"email-link"}'],
    ["sign_in", '{"method":"email-link"}'],
  ])
})

test("7: a known and an unknown address get the same answers at the same cost", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const costs = []
  for (let i = 0; i < 2; i++) {
    const before = tripsOf(scenario).length
    const { status } = await exchange(scenario, await codeOf(scenario, email))
    costs.push([status, tripsOf(scenario).slice(before)])
  }
  expect(costs[0]).toEqual(costs[1])
})

test("14: opening the link, however often and by whatever method but POST, leaves it as it is", async () => {
  const scenario = createAuthScenario()
  const token = await askLink(scenario, newAddress())
  for (const method of ["GET", "HEAD", "GET"]) {
    const answer = await scenario.call(method, `/v1/auth/pages/sign-in?token=${token}`)
    expect(answer).toMatchObject({ status: 200 })
    expect(answer.headers.get("Location")).toBeNull()
  }
  expect(tripsOf(scenario).slice(1)).toEqual([0, 0, 0])
  expect(await press(scenario, token)).toMatchObject({ status: 303 })
})

test("12: of 20 parallel uses of a link one succeeds, and of 20 parallel exchanges of a code one", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const token = await askLink(scenario, email)
  const presses = await Promise.all(Array.from({ length: 20 }, (_, i) => press(scenario, token, `203.0.113.${i}`)))
  expect(presses.filter(({ status }) => status === 303)).toHaveLength(1)
  expect(presses.filter(({ status }) => status === 400)).toHaveLength(19)
  const location = presses.find(({ status }) => status === 303)!.headers.get("Location")!
  const code = new URL(location).searchParams.get("code")!
  const exchanges = await Promise.all(
    Array.from({ length: 20 }, (_, i) => exchange(scenario, code, { ip: `203.0.113.${i}` })),
  )
  expect(exchanges.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(exchanges.filter(({ status }) => status === 401)).toHaveLength(19)
})

test("a newer link voids the one before, and a link is dead after 15 minutes", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const [first, second] = [await askLink(scenario, email), await askLink(scenario, email)]
  expect(await press(scenario, first)).toMatchObject({ status: 400 })
  scenario.advance(15 * MINUTE)
  expect(await press(scenario, second)).toMatchObject({ status: 400 })
})

test("33: a code is good for 60 seconds, once, and with the verifier alone; a wrong verifier uses it up", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const stolen = await codeOf(scenario, email)
  const verifier = `${VERIFIER}.`
  expect(await exchange(scenario, stolen, { verifier })).toMatchObject(REFUSED)
  expect(await exchange(scenario, stolen)).toMatchObject(REFUSED)
  const challenge = await codeOf(scenario, email)
  expect(await exchange(scenario, challenge, { verifier: CHALLENGE })).toMatchObject(REFUSED)
  const late = await codeOf(scenario, email)
  scenario.advance(60_000)
  expect(await exchange(scenario, late)).toMatchObject(REFUSED)
  const inTime = await codeOf(scenario, email)
  scenario.advance(59_999)
  expect(await exchange(scenario, inTime)).toMatchObject({ status: 200 })
  expect(await exchange(scenario, inTime)).toMatchObject(REFUSED)
})

test("a challenge or a verifier that isn't one of PKCE S256 is refused with a pointer", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  for (const codeChallenge of ["", "short", `${CHALLENGE}=`, `${CHALLENGE.slice(1)}+`]) {
    const answer = await scenario.auth("email/link", { email, redirectTo: SITE, codeChallenge })
    expect(answer, codeChallenge).toMatchObject({ status: 422, body: { errors: [{ pointer: "/codeChallenge" }] } })
  }
  const answer = await scenario.auth("exchange", { code: "a code", codeVerifier: "short" })
  expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: "/codeVerifier" }] } })
})

test("15: what is stored is hashed, and no secret gets into the log or the audit", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const token = await askLink(scenario, email)
  await scenario.call("GET", `/v1/auth/pages/sign-in?token=${token}`)
  const linkRows = await env.DB.prepare("SELECT * FROM _one_time").all()
  const code = new URL((await press(scenario, token)).headers.get("Location")!).searchParams.get("code")!
  const codeRows = await env.DB.prepare("SELECT * FROM _one_time").all()
  const { body } = await exchange(scenario, code)
  const seen = [linkRows, codeRows, await scenario.events(body.user.id), scenario.logged.filter(isOfRequest)]
  for (const secret of [token, code, VERIFIER]) expect(JSON.stringify(seen)).not.toContain(secret)
})

/** The catcher of local work prints links. */
function isOfRequest({ event }: Record<string, unknown>): boolean {
  return event !== "mail"
}

test("47: the exchange of a link's code on an unproved account drops what was planted; pressing the button alone does not", async () => {
  const scenario = createAuthScenario()
  const planted = await scenario.newUser(newAddress())
  const code = await codeOf(scenario, planted.email)
  expect(await scenario.auth("refresh", { refreshToken: planted.refreshToken })).toMatchObject({ status: 200 })
  const { body } = await exchange(scenario, code)
  expect(body.user).toMatchObject({ id: planted.user.id, emailVerified: true })
  expect(await scenario.auth("sign-in", { email: planted.email, password: PASSWORD })).toMatchObject({ status: 401 })
  expect(await scenario.call("GET", "/v1/auth/user", { token: planted.accessToken })).toMatchObject({ status: 401 })
})

test("an anonymous user keeps the id when the address is new, and is merged when it isn't", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const visitor = (await scenario.auth("anonymous")).body
  const { body } = await exchange(scenario, await codeOf(scenario, email), { token: visitor.accessToken })
  expect(body.user).toMatchObject({ id: visitor.user.id, email, isAnonymous: false })
  const other = (await scenario.auth("anonymous")).body
  const again = await exchange(scenario, await codeOf(scenario, email), { token: other.accessToken })
  expect(again.body.user.id).toBe(visitor.user.id)
  const events = (await scenario.events(visitor.user.id)).map(({ event }) => event)
  expect(events).toContain("accounts_merged")
})

test("?cookie=true puts the refresh token of an exchange into the cookie", async () => {
  const scenario = createAuthScenario()
  const code = await codeOf(scenario, newAddress())
  const answer = await scenario.auth(
    "exchange?cookie=true",
    { code, codeVerifier: VERIFIER },
    {
      headers: { Origin: "http://localhost:8788" },
    },
  )
  expect(answer.body.refreshToken).toBeUndefined()
  expect(answer.headers.get("Set-Cookie")).toMatch(/^__Host-selvedge=/)
})
