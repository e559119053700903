/** 15: all flows once, with secrets that can be recognised, and then a search of everything that stays. */

import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { LIFETIME_MS, mint } from "../../src/auth/one-time.ts"
import { ACCESS_TOKEN, CREDENTIALS } from "../../src/auth/providers/scripted-provider.fixture.ts"
import type { Answer } from "../fixture/scenario.ts"
import { codeOf, protect, STEP_MS, ticketOf, wrongCode } from "./authenticator.ts"
import { createAuthenticator } from "./passkey-authenticator.ts"
import { CHALLENGE, createProviderScenario, type ProviderScenario, SITE, VERIFIER } from "./provider-visits.ts"
import { PASSWORD, type SessionBody } from "./scenario.ts"

/** The first to sign up, and the last. */
const EMAIL = "quill@example.com"
const LAST = "zweig@example.com"
const WRONG_PASSWORD = "a wrong, yet recognisable passphrase"
const NEW_PASSWORD = "a new and recognisable passphrase"
const NEWEST_PASSWORD = "the newest recognisable passphrase"
const KEY_PREFIX_LENGTH = 14
const WEB_FORM = { "Content-Type": "application/x-www-form-urlencoded" }

let scenario: ProviderScenario
/** By what they are. */
const secrets = new Map<string, string>()
const refusals: string[] = []

/** Keeps a secret for the search; one that lists of keys may show in part goes without that part. */
function keep(what: string, secret: string | null | undefined): string {
  expect(secret, what).toMatch(/^.{6}/)
  secrets.set(what, secret!)
  return secret!
}

function keepSession(what: string, { body }: Answer): SessionBody {
  const [, generation, mac] = keep(`refresh token of ${what}`, body.refreshToken).split(".")
  keep(`end of the refresh token of ${what}`, `${generation}.${mac}`)
  keep(`signature of the access token of ${what}`, body.accessToken.split(".")[2])
  return body
}

beforeAll(async () => {
  const whole = await createProviderScenario()
  const watch =
    <A extends unknown[]>(send: (...call: A) => Promise<Answer>) =>
    async (...call: A): Promise<Answer> => {
      const answer = await send(...call)
      if (answer.status >= 400) refusals.push(`${call[0]} ${answer.text}`)
      return answer
    }
  scenario = { ...whole, auth: watch(whole.auth), call: watch(whole.call), exchange: watch(whole.exchange) }
  const constants = { PASSWORD, WRONG_PASSWORD, NEW_PASSWORD, NEWEST_PASSWORD, VERIFIER, ACCESS_TOKEN, ...CREDENTIALS }
  const { clientId: _, ...secret } = constants
  for (const [name, text] of Object.entries(secret)) keep(name, text)
})

test("15: the flows are run", { timeout: 60_000 }, async () => {
  const { email, ...first } = await withPassword()
  await withMails(email)
  await withKeys(first)
  await withFactors(email)
  await withProviders()
  const visitor = keepSession("a visitor", await scenario.auth("anonymous"))
  await scenario.call("GET", "/v1/cart", { token: visitor.accessToken })
  await misuse(visitor)
  await withUnused(email)
  expect(secrets.size).toBeGreaterThan(50)
  expect(refusals.length).toBeGreaterThan(200)
})

test("15: the search finds what is there: mails of local work have their secrets, and their lines in the log", async () => {
  await scenario.settled()
  const { results } = await env.DB.prepare("SELECT * FROM _mails").all()
  const ofMails = ["code", "link", "reset", "proof of the address", "proof of a new address"]
  expect(found(results)).toEqual(expect.arrayContaining(ofMails))
  expect(found(scenario.logged)).toEqual(expect.arrayContaining(ofMails))
})

test("15: no row of any table but that of caught mails holds a secret, the audit included", async () => {
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' AND name <> '_mails'",
  ).all<{ name: string }>()
  for (const { name } of results) {
    const rows = await env.DB.prepare(`SELECT * FROM "${name}"`).all()
    expect(found(rows.results), name).toEqual([])
  }
  for (const table of ["_users", "_sessions", "_one_time", "_totps", "_keys", "_auth_events", "_idempotency"])
    expect(results.map(({ name }) => name)).toContain(table)
})

test("15: no line of the log but that of a caught mail holds a secret", () => {
  expect(found(scenario.logged.filter(({ event }) => event !== "mail"))).toEqual([])
})

test("15: no refusal holds a secret", () => {
  for (const refusal of refusals) expect(found(refusal), refusal).toEqual([])
})

test("15: neither does a failure of the database, nor what the log says about it", async () => {
  const [lines, answers] = [scenario.logged.length, refusals.length]
  await env.DB.exec("ALTER TABLE _auth_events RENAME TO _elsewhere")
  const [invite, code] = [secrets.get("unused invite"), secrets.get("unused code")]
  await scenario.auth("sign-up", { email: "failing@example.com", password: PASSWORD })
  await scenario.auth("sign-in", { email: EMAIL, password: PASSWORD })
  await scenario.auth("email/code/redeem", { email: EMAIL, code })
  await scenario.auth("password/reset", { token: invite, password: NEWEST_PASSWORD })
  await scenario.settled()
  await env.DB.exec("ALTER TABLE _elsewhere RENAME TO _auth_events")
  const failures = scenario.logged.slice(lines).filter(({ event }) => event === "failure")
  expect(JSON.stringify(failures)).toContain("_auth_events")
  expect(refusals.slice(answers).filter((text) => text.includes('"internal"'))).toHaveLength(4)
  expect(found(scenario.logged.slice(lines).filter(({ event }) => event !== "mail"))).toEqual([])
  expect(found(refusals.slice(answers))).toEqual([])
})

/** Sign-up, sign-in, refresh, reuse, proof of the address, new passwords. */
async function withPassword(): Promise<SessionBody & { email: string }> {
  const email = EMAIL
  const headers = { "Idempotency-Key": keep("Idempotency-Key", "a-recognisable-idempotency-key") }
  const session = keepSession("sign-up", await scenario.auth("sign-up", { email, password: PASSWORD }, { headers }))
  await scenario.auth("email/verify", {
    token: keep("proof of the address", (await scenario.mail(email, "verify-email")).secret),
  })
  await scenario.auth("sign-in", { email, password: WRONG_PASSWORD })
  const second = keepSession("sign-in", await scenario.auth("sign-in", { email, password: PASSWORD }, { headers }))
  const { refreshToken } = second
  keepSession("refresh", await scenario.auth("refresh", { refreshToken }, { headers }))
  scenario.advance(STEP_MS)
  expect(await scenario.auth("refresh", { refreshToken })).toMatchObject({ status: 401 })
  const cookie = await scenario.auth(
    "sign-in?cookie=true",
    { email, password: PASSWORD },
    {
      headers: { Origin: "https://edge.example" },
    },
  )
  keep("cookie", /=([^;]+)/.exec(cookie.headers.get("Set-Cookie")!)![1])
  const change = { currentPassword: PASSWORD, password: NEW_PASSWORD }
  const { accessToken: token } = session
  expect(await scenario.auth("password/change", change, { token, headers })).toMatchObject({ status: 200 })
  await scenario.auth("password/forgot", { email })
  const reset = keep("reset", (await scenario.mail(email, "reset-password")).secret)
  const body = new URLSearchParams({ token: reset, password: PASSWORD }).toString()
  expect(await scenario.call("POST", "/v1/auth/pages/reset", { body, headers: WEB_FORM })).toMatchObject({
    status: 200,
  })
  return { ...keepSession("last sign-in", await scenario.auth("sign-in", { email, password: PASSWORD })), email }
}

/** Codes, links and a new address. */
async function withMails(email: string): Promise<void> {
  const stranger = "stranger@example.com"
  await scenario.auth("email/code", { email: stranger })
  const code = keep("code", (await scenario.mail(stranger, "sign-in-code")).secret)
  await scenario.auth("email/code/redeem", { email: stranger, code: code === "000000" ? "000001" : "000000" })
  const redeemed = await scenario.auth("email/code/redeem", { email: stranger, code })
  const { accessToken: token } = keepSession("a code", redeemed)
  await scenario.auth("email/change", { email: "new@example.com" }, { token })
  keep("proof of a new address", (await scenario.mail("new@example.com")).secret)
  const site = await press(keep("link", await askLink(email)))
  keepSession("a link", await scenario.exchange(keep("code for the site", site)))
}

async function askLink(email: string): Promise<string> {
  await scenario.auth("email/link", { email, redirectTo: SITE, codeChallenge: CHALLENGE })
  return (await scenario.mail(email, "sign-in-link")).secret
}

async function press(link: string): Promise<string | null> {
  const page = await scenario.call("POST", `/v1/auth/pages/sign-in?token=${link}`)
  return new URL(page.headers.get("Location")!).searchParams.get("code")
}

/** Passkeys, an authenticator, recovery codes. */
async function withFactors(email: string): Promise<void> {
  const session = keepSession("a passkey's owner", await scenario.auth("sign-in", { email, password: PASSWORD }))
  const { accessToken: token } = session
  const passkey = await createAuthenticator()
  const creation = (await scenario.auth("passkeys/register/options", undefined, { token })).body
  keep("challenge of a new passkey", creation.challenge)
  const response = await passkey.create(creation)
  expect(await scenario.auth("passkeys/register", { response }, { token })).toMatchObject({ status: 201 })
  const request = (await scenario.auth("passkeys/sign-in/options")).body
  keep("challenge of a passkey", request.challenge)
  const assertion = await passkey.get(request)
  keep("signature of a passkey", assertion.response.signature)
  keepSession("a passkey", await scenario.auth("passkeys/sign-in", { response: assertion }))

  const person = await protect(scenario, { ...session, email })
  keep("seed", person.seed)
  for (const [i, code] of person.recoveryCodes.entries()) {
    keep(`recovery code ${i}`, code)
    keep(`recovery code ${i} without hyphens`, code.replaceAll("-", ""))
  }
  const ticket = keep("ticket", await ticketOf(scenario, person))
  await scenario.auth("mfa", { ticket, method: "totp", code: wrongCode(scenario, person.seed) })
  const code = keep("code of the authenticator", codeOf(scenario, person.seed))
  keepSession("both factors", await scenario.auth("mfa", { ticket, method: "totp", code }))
  const another = keep("another ticket", await ticketOf(scenario, person))
  const recovery = { ticket: another, method: "recovery", code: person.recoveryCodes[0] }
  keepSession("a recovery code", await scenario.auth("mfa", recovery))
}

/** Keys of a user and of the service. */
async function withKeys({ user, refreshToken }: SessionBody): Promise<void> {
  await env.DB.prepare("UPDATE _users SET roles = '[\"admin\"]' WHERE id = ?").bind(user.id).run()
  const { accessToken: token } = keepSession("an admin", await scenario.auth("refresh", { refreshToken }))
  const headers = { "Idempotency-Key": "a key is made" }
  const own = await scenario.auth("keys", { name: "script", scopes: ["cart:read"] }, { token, headers })
  const service = await scenario.call("POST", "/v1/admin/keys", { token, headers, body: { name: "mill" } })
  for (const { body } of [own, service]) {
    await scenario.call("GET", "/v1/cart", { token: body.key })
    keep(`end of the key ${body.name}`, body.key.slice(KEY_PREFIX_LENGTH))
  }
}

/** A stranger by a provider, and an identity that is linked. */
async function withProviders(): Promise<void> {
  const leave = async (what: string, away: URL) => {
    for (const name of ["state", "nonce", "code_challenge"]) keep(`${name} of ${what}`, away.searchParams.get(name))
    const { code } = await scenario.arrive("acme", away, { sub: what, email: `${what}@people.example` })
    const { acme } = scenario.providers
    const { code_verifier: verifier } = Object.fromEntries(
      acme.requests.findLast(({ url }) => url.endsWith("/token"))!.body,
    )
    keep(`verifier of ${what}`, verifier)
    keep(`ID token of ${what}`, String(acme.tokens.id_token).split(".")[2])
    return keep(`code of ${what}`, code)
  }
  const session = keepSession(
    "a provider",
    await scenario.exchange(await leave("somebody", await scenario.leave("acme"))),
  )
  const code = await leave("linked", await scenario.leaveToLink("acme", session))
  const linked = await scenario.auth("identities", { code, codeVerifier: VERIFIER }, { token: session.accessToken })
  expect(linked).toMatchObject({ status: 201 })
}

/** Every secret where it doesn't belong: in fields of all kinds, in addresses, as a token, in a body that isn't JSON. */
async function misuse({ accessToken: token }: SessionBody): Promise<void> {
  let turn = 0
  for (const secret of secrets.values()) {
    // an address of its own, or the limits would answer
    const call = { ip: `192.0.2.${++turn % 250}` }
    await scenario.auth("email/verify", { token: secret, unknown: secret }, call)
    await scenario.auth("email/code", { email: secret }, call)
    await scenario.auth("exchange", { code: secret, codeVerifier: secret }, call)
    await scenario.auth("refresh?cookie=true", `{"refreshToken":"${secret}"`, {
      ...call,
      headers: { Origin: "https://edge.example" },
    })
    await scenario.auth("keys", { name: "a name", scopes: [secret], expiresAt: secret }, { ...call, token })
    await scenario.auth("keys", { name: "a name", scopes: [secret] }, { ...call, token })
    await scenario.auth("mfa", { ticket: secret, method: secret, code: [secret] }, call)
    await scenario.call("GET", `/v1/auth/pages/verify?${new URLSearchParams({ token: secret })}`, call)
    await scenario.call("GET", `/v1/cart?${new URLSearchParams({ filter: secret })}`, call)
    await scenario.call("GET", "/v1/cart", { ...call, token: encodeURI(secret) })
  }
  await scenario.settled()
}

/** One of each kind that nobody has used: its row is still there. */
async function withUnused(email: string): Promise<void> {
  // what was guessed and mailed before is forgotten
  scenario.advance(60 * 60_000)
  const { accessToken: token, user } = (await scenario.auth("sign-up", { email: LAST, password: PASSWORD })).body
  keep("unused proof", (await scenario.mail(LAST)).secret)
  await scenario.auth("email/change", { email: "last@example.com" }, { token })
  keep("unused proof of a new address", (await scenario.mail("last@example.com")).secret)
  await scenario.auth("password/forgot", { email })
  keep("unused reset", (await scenario.mail(email, "reset-password")).secret)
  await scenario.auth("email/code", { email })
  keep("unused code", (await scenario.mail(email, "sign-in-code")).secret)
  keep("unused code for the site", await press(await askLink(email)))
  keep("unused link", await askLink(email))
  keep("unused ticket", await ticketOf(scenario, { email }))
  keep("unused state", (await scenario.leave("acme")).searchParams.get("state"))
  const away = await scenario.leaveToLink("acme", { accessToken: token })
  keep("unused code of an identity", (await scenario.arrive("acme", away, { sub: "last" })).code)
  for (const path of ["passkeys/register/options", "passkeys/sign-in/options"])
    keep(`unused challenge of ${path}`, (await scenario.auth(path, undefined, { token })).body.challenge)
  keep("unused seed", (await scenario.auth("totp", undefined, { token })).body.secret)
  // the operator's command makes it, with this function
  const { secret, queries } = mint(scenario.now(), { purpose: "invite", userId: user.id })
  await env.DB.batch(queries.map(({ sql, params }) => env.DB.prepare(sql).bind(...params)))
  keep("unused invite", secret)
  const waiting = await env.DB.prepare("SELECT count(DISTINCT purpose) AS n FROM _one_time WHERE expires_at > ?")
    .bind(scenario.now())
    .first<number>("n")
  expect(waiting, "purposes with a row").toBe(Object.keys(LIFETIME_MS).length)
}

/** What of the secrets stands there; short ones only as whole words, since any number may hold six digits. */
function found(where: unknown): string[] {
  const text = typeof where === "string" ? where : JSON.stringify(where)
  return [...secrets].flatMap(([what, secret]) => {
    const isThere = /^\d{6}$/.test(secret)
      ? new RegExp(`(?<![\\w-])${secret}(?![\\w-])`).test(text)
      : text.includes(secret)
    return isThere ? [what] : []
  })
}
