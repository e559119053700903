/** A user's own identities at providers: linked on purpose, listed and removed. */

import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import {
  CHALLENGE,
  createProviderScenario,
  ISSUERS,
  type Person,
  type ProviderName,
  type ProviderScenario,
  SITE,
  VERIFIER,
} from "./provider-visits.ts"
import { PASSWORD, type SessionBody, tripsOf } from "./scenario.ts"

const MINUTE = 60_000
const NO_CODE = { status: 401, body: { code: "invalid_credentials", errors: [{ pointer: "/code" }] } }

let scenario: ProviderScenario
let people = 0

beforeAll(async () => {
  scenario = await createProviderScenario()
})

/** Nobody's address. */
function newPerson(): Person {
  const sub = `link-${++people}`
  return { sub, email: `${sub}@people.example`, email_verified: true }
}

/** Up to the code that the site gets. */
async function askLink(session: SessionBody, person: Person, provider: ProviderName = "acme"): Promise<string> {
  const { code, error } = await scenario.arrive(provider, await scenario.leaveToLink(provider, session), person)
  expect(error).toBeNull()
  return code!
}

function finish({ accessToken: token }: SessionBody, code: string, codeVerifier = VERIFIER) {
  return scenario.auth("identities", { code, codeVerifier }, { token })
}

async function link(session: SessionBody, person = newPerson(), provider: ProviderName = "acme"): Promise<Person> {
  expect(await finish(session, await askLink(session, person, provider))).toMatchObject({ status: 201 })
  return person
}

function remove({ accessToken: token }: SessionBody, provider: string) {
  return scenario.call("DELETE", `/v1/auth/identities/${provider}`, { token })
}

async function signInAgain({ email }: { email: string }): Promise<SessionBody> {
  return (await scenario.auth("sign-in", { email, password: PASSWORD })).body
}

test("46: a user links an identity of another address, in 1 + 2 + 2 trips, and signs in with it from then on", async () => {
  const user = await scenario.newUser()
  const person = newPerson()
  const answer = await finish(user, await askLink(user, person))
  expect(answer).toMatchObject({
    status: 201,
    body: { provider: "acme", issuer: ISSUERS.acme, email: person.email, createdAt: expect.any(String) },
  })
  expect(tripsOf(scenario).slice(-3)).toEqual([1, 2, 2])
  const { body } = await scenario.signIn("acme", person)
  expect(body.user).toMatchObject({ id: user.user.id, email: user.email, emailVerified: false })
  expect(await scenario.identities(user)).toEqual([answer.body])
  expect((await scenario.events(user.user.id)).map(({ event }) => event)).toContain("identity_linked")
  expect(await finish(user, await askLink(user, person))).toMatchObject({ status: 201, body: answer.body })
})

test("21, 46: a link needs a sign-in of the last 10 minutes, with all factors, of an account", async () => {
  const user = await scenario.newUser()
  const ask = (token?: string) =>
    scenario.auth("oauth/acme/link", { redirectTo: SITE, codeChallenge: CHALLENGE }, token ? { token } : {})
  expect(await ask()).toMatchObject({ status: 401 })
  const { body: visitor } = await scenario.auth("anonymous")
  expect(await ask(visitor.accessToken)).toMatchObject({ status: 403, body: { code: "forbidden" } })
  const { body: key } = await scenario.auth("keys", { name: "k", scopes: ["films:read"] }, { token: user.accessToken })
  expect(await ask(key.key)).toMatchObject({ status: 403 })

  await env.DB.prepare("UPDATE _users SET mfa = 1 WHERE id = ?").bind(user.user.id).run()
  expect(await ask(user.accessToken)).toMatchObject({ status: 403, body: { code: "reauthentication_required" } })
  await env.DB.prepare("UPDATE _users SET mfa = 0 WHERE id = ?").bind(user.user.id).run()
  expect(await ask(user.accessToken)).toMatchObject({ status: 200 })
  scenario.advance(10 * MINUTE + 1)
  const { body: refreshed } = await scenario.auth("refresh", { refreshToken: user.refreshToken })
  expect(await ask(refreshed.accessToken)).toMatchObject({ status: 403, body: { code: "reauthentication_required" } })
  expect(await remove(refreshed, "acme")).toMatchObject({ status: 403, body: { code: "reauthentication_required" } })
})

test("48: a link leads back to listed sites alone", async () => {
  const { accessToken: token } = await scenario.newUser()
  for (const redirectTo of ["https://evil.example/", "http://localhost:8788@evil.example/", "javascript:alert(1)"]) {
    const answer = await scenario.auth("oauth/acme/link", { redirectTo, codeChallenge: CHALLENGE }, { token })
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: "/redirectTo" }] } })
  }
})

test("46: nobody links somebody else's identity, or theirs to another's account, by sending them to a provider", async () => {
  const attacker = await scenario.newUser()
  const victim = await scenario.newUser()
  const theirs = newPerson()
  const code = await askLink(attacker, theirs)
  expect(await scenario.exchange(code)).toMatchObject(NO_CODE)
  expect(await finish(victim, code)).toMatchObject(NO_CODE)
  expect(await finish(attacker, code)).toMatchObject(NO_CODE)
  const guessed = await askLink(attacker, theirs)
  expect(await finish(attacker, guessed, "x".repeat(43))).toMatchObject(NO_CODE)
  const elsewhere = await askLink(attacker, theirs)
  expect(await finish(await signInAgain(attacker), elsewhere)).toMatchObject(NO_CODE)
  expect(await scenario.identities(attacker)).toEqual([])
  expect(await scenario.identities(victim)).toEqual([])
  const { code: signIn } = await scenario.arrive("acme", await scenario.leave("acme"), newPerson())
  expect(await finish(attacker, signIn!)).toMatchObject(NO_CODE)
  const refused = (await scenario.events(attacker.user.id)).filter(({ result }) => result === "refused")
  expect(refused.map(({ detail }) => JSON.parse(detail!).reason)).toEqual(["verifier", "session"])
})

test("12, 42: the code of a link works once, for 60 seconds, while the session stands", async () => {
  const user = await scenario.newUser()
  const code = await askLink(user, newPerson())
  const answers = await Promise.all(Array.from({ length: 20 }, () => finish(user, code)))
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array(19).fill(401)])
  const late = await askLink(user, newPerson())
  scenario.advance(MINUTE)
  expect(await finish(user, late)).toMatchObject(NO_CODE)
  const orphan = await askLink(user, newPerson())
  await scenario.auth("sign-out", undefined, { token: user.accessToken })
  expect(await finish(user, orphan)).toMatchObject({ status: 401, body: { code: "unauthenticated" } })
  const { results } = await env.DB.prepare("SELECT 1 FROM _identities WHERE user_id = ?").bind(user.user.id).all()
  expect(results).toHaveLength(1)
})

test("45: an identity belongs to one account, also when two ask for it at once", async () => {
  const [ada, bob] = [await scenario.newUser(), await scenario.newUser()]
  const person = newPerson()
  const codes = [await askLink(ada, person), await askLink(bob, person)]
  const answers = await Promise.all([finish(ada, codes[0]!), finish(bob, codes[1]!)])
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409])
  const loser = answers[0]!.status === 409 ? ada : bob
  const away = await scenario.leaveToLink("acme", loser)
  expect(await scenario.arrive("acme", away, person)).toEqual({ code: null, error: "identity_taken" })
})

test("57: users see and remove their own alone", async () => {
  const [ada, bob] = [await scenario.newUser(), await scenario.newUser()]
  const person = await link(ada)
  expect(await scenario.identities(bob)).toEqual([])
  expect(await remove(bob, "acme")).toMatchObject({ status: 404 })
  for (const name of ["other", "nobody", "half"]) expect(await remove(ada, name)).toMatchObject({ status: 404 })
  expect(await scenario.call("GET", "/v1/auth/identities")).toMatchObject({ status: 401 })
  expect((await scenario.signIn("acme", person)).body.user.id).toBe(ada.user.id)
})

test("5: a removed identity signs nobody in, and ends the other sessions", async () => {
  const user = await scenario.newUser()
  const person = await link(user)
  const other = await signInAgain(user)
  expect(await remove(user, "acme")).toMatchObject({ status: 204 })
  expect(await scenario.identities(user)).toEqual([])
  expect(await scenario.auth("refresh", { refreshToken: other.refreshToken })).toMatchObject({ status: 401 })
  expect((await scenario.signIn("acme", person)).body.user.id).not.toBe(user.user.id)
  expect((await scenario.events(user.user.id)).at(-1)).toMatchObject({
    event: "factor_removed",
    detail: JSON.stringify({ method: "identity", issuer: ISSUERS.acme }),
  })
})

test("the last way to sign in can't be removed", async () => {
  const { body } = await scenario.signIn("acme", { ...newPerson(), email_verified: false })
  expect(await remove(body, "acme")).toMatchObject({ status: 409, body: { code: "conflict" } })
  await link(body, newPerson(), "other")
  expect(await remove(body, "acme")).toMatchObject({ status: 204 })
  expect(await remove(body, "other")).toMatchObject({ status: 409 })
})
