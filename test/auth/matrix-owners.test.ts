/** Every operation of sign-in, tried on what belongs to somebody else, without a session, and with a key. */

import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import type { Answer } from "../fixture/scenario.ts"
import { codeOf, type Protected, protect, ticketOf } from "./authenticator.ts"
import { authOperations, type Operation } from "./operations.ts"
import { type Authenticator, createAuthenticator } from "./passkey-authenticator.ts"
import { CHALLENGE, createProviderScenario, type ProviderScenario, SITE, VERIFIER } from "./provider-visits.ts"
import { PASSWORD, type SessionBody } from "./scenario.ts"

const NEW_PASSWORD = "another long passphrase"

/** What the owner has; ids and secrets that the other one knows and tries. */
interface Owner extends Protected {
  readonly token: string
  readonly passkey: Authenticator
  readonly keyId: string
  readonly sessionIds: readonly string[]
}

interface Other {
  readonly email: string
  readonly token: string
  readonly passkey: Authenticator
}

let scenario: ProviderScenario
let operations: readonly Operation[]
let owner: Owner
let other: Other

beforeAll(async () => {
  scenario = await createProviderScenario()
  operations = await authOperations(scenario)
  owner = await newOwner()
  other = await newOther()
})

/** The ids that stand in paths, each another's. */
const IDS: Record<string, () => string> = {
  "/v1/auth/sessions/{id}": () => owner.sessionIds[1]!,
  "/v1/auth/keys/{id}": () => owner.keyId,
  "/v1/auth/passkeys/{id}": () => owner.passkey.id,
  // providers are nobody's; the owner has an identity at it, the other has none
  "/v1/auth/identities/{provider}": () => "acme",
  "/v1/auth/oauth/{provider}": () => "acme",
  "/v1/auth/oauth/{provider}/callback": () => "acme",
  "/v1/auth/oauth/{provider}/link": () => "acme",
}

/** A body that would do, made of what the owner has wherever there is a choice. */
const BODIES: Record<string, () => object | Promise<object>> = {
  "PATCH /v1/auth/user": () => ({ name: "Mallory" }),
  "PATCH /v1/auth/passkeys/{id}": () => ({ name: "Mallory's" }),
  "POST /v1/auth/keys": () => ({ name: "script", scopes: ["cart:read"] }),
  "POST /v1/auth/oauth/{provider}/link": () => ({ redirectTo: SITE, codeChallenge: CHALLENGE }),
  "POST /v1/auth/identities": async () => {
    const away = await scenario.leaveToLink("acme", { accessToken: owner.token })
    return { code: (await scenario.arrive("acme", away, { sub: "owner-2" })).code, codeVerifier: VERIFIER }
  },
  "POST /v1/auth/email/change": () => ({ email: owner.email }),
  "POST /v1/auth/password/change": () => ({ currentPassword: PASSWORD, password: NEW_PASSWORD }),
  "POST /v1/auth/totp/activate": () => ({ code: codeOf(scenario, owner.seed) }),
  "POST /v1/auth/passkeys/register": async () => {
    const options = await scenario.auth("passkeys/register/options", undefined, { token: owner.token })
    return { response: await (await createAuthenticator()).create(options.body) }
  },
}

/** Open to anyone, since whoever has no session gets one here, or goes by a secret. */
const OPEN = [
  "POST /v1/auth/refresh",
  "POST /v1/auth/sign-out",
  "POST /v1/auth/anonymous",
  "POST /v1/auth/sign-up",
  "POST /v1/auth/sign-in",
  "POST /v1/auth/password/forgot",
  "POST /v1/auth/password/reset",
  "POST /v1/auth/email/code",
  "POST /v1/auth/email/code/redeem",
  "POST /v1/auth/email/link",
  "GET /v1/auth/providers",
  "GET /v1/auth/oauth/{provider}",
  "GET /v1/auth/oauth/{provider}/callback",
  "POST /v1/auth/exchange",
  "POST /v1/auth/email/verify",
  "POST /v1/auth/passkeys/sign-in/options",
  "POST /v1/auth/passkeys/sign-in",
  "POST /v1/auth/mfa",
]

test("57: every operation is covered: each is open on purpose, and ids and bodies are known for the others", () => {
  expect(operations.length).toBeGreaterThan(30)
  const open = operations.filter(({ isOpen }) => isOpen).map(({ name }) => name)
  expect(open.toSorted()).toEqual(OPEN.toSorted())
  const withId = operations.filter(({ path }) => path.includes("{")).map(({ path }) => path)
  expect([...new Set(withId)].toSorted()).toEqual(Object.keys(IDS).toSorted())
  const withBody = ofAccounts().filter(({ fields }) => fields.length > 0)
  expect(withBody.map(({ name }) => name).toSorted()).toEqual(Object.keys(BODIES).toSorted())
})

test("57: the anonymous caller is refused by all operations of accounts", async () => {
  for (const operation of ofAccounts()) {
    const answer = await call(operation)
    expect(answer, operation.name).toMatchObject({ status: 401, body: { code: "unauthenticated" } })
    expect(answer.headers.get("WWW-Authenticate"), operation.name).toBe('Bearer realm="selvedge"')
  }
})

test("41, 57: a key, its owner's and an admin's too, is refused by all operations of sign-in", async () => {
  await env.DB.prepare("UPDATE _users SET roles = '[\"admin\"]' WHERE id = ?").bind(owner.userId).run()
  const { accessToken: token } = await signIn(owner)
  const { body } = await scenario.auth("keys", { name: "admin", scopes: ["admin", "cart:read"] }, { token })
  // its first use is noted
  expect(await scenario.call("GET", "/v1/cart", { token: body.key })).toMatchObject({ status: 200 })
  const before = await rowsOf(owner)
  for (const operation of operations) {
    const answer = await call(operation, body.key)
    expect(answer, operation.name).toMatchObject({ status: 403, body: { code: "forbidden" } })
  }
  expect(await rowsOf(owner)).toEqual(before)
})

test("57: a token that names a user but no session is refused by all operations of accounts", async () => {
  const client = await scenario.as({ id: owner.userId })
  for (const operation of ofAccounts()) {
    const method = operation.method.toLowerCase() as "get" | "post" | "patch" | "delete"
    const answer = await client[method](pathOf(operation), await bodyOf(operation))
    expect(answer, operation.name).toMatchObject({ status: 403, body: { code: "forbidden" } })
  }
})

test("57: another's ids answer exactly as ids that aren't there do", async () => {
  const withId = ofAccounts().filter(({ path }) => /\{id\}/.test(path))
  expect(withId).toHaveLength(4)
  for (const operation of withId) {
    const { accessToken: token } = await signIn(other)
    const theirs = await call(operation, token)
    const nobodys = await scenario.call(operation.method, operation.path.replace("{id}", crypto.randomUUID()), {
      token,
      ...(await bodyOf(operation)),
    })
    expect(theirs, operation.name).toMatchObject({ status: 404, body: { code: "not_found" } })
    expect(told(theirs), operation.name).toEqual(told(nobodys))
  }
})

test("57: whatever another one calls, with the owner's ids, addresses and secrets, the owner keeps and shows nothing", async () => {
  const secrets = [owner.email, owner.userId, owner.keyId, owner.passkey.id, ...owner.sessionIds, owner.seed]
  const last = (name: string) => Number(name === "DELETE /v1/auth/user")
  const statuses: Record<string, number> = {}
  for (const operation of ofAccounts().toSorted((a, b) => last(a.name) - last(b.name))) {
    const body = await bodyOf(operation)
    const before = await rowsOf(owner)
    const { accessToken: token } = await signIn(other)
    const answer = await scenario.call(operation.method, pathOf(operation), { token, ...body })
    await scenario.settled()
    expect(answer.status, `${operation.name} ${answer.text}`).not.toBe(500)
    statuses[operation.name] = answer.status
    const found = secrets.filter((secret) =>
      JSON.stringify(answer.body ?? "")
        .replace(pathOf(operation), "")
        .includes(secret),
    )
    expect(found, `${operation.name} ${answer.text}`).toEqual([])
    expect(await rowsOf(owner), operation.name).toEqual(before)
  }
  expect(statuses).toMatchObject({
    "GET /v1/auth/user": 200,
    "GET /v1/auth/sessions": 200,
    "DELETE /v1/auth/sessions": 204,
    "DELETE /v1/auth/identities/{provider}": 404,
    "POST /v1/auth/identities": 401,
    "POST /v1/auth/passkeys/register": 422,
    "DELETE /v1/auth/user": 204,
  })
})

test("57: a ticket of the owner opens nothing with the other's codes, nor the other way round", async () => {
  const third = await protect(scenario)
  const tickets = { owner: await ticketOf(scenario, owner), third: await ticketOf(scenario, third) }
  const tries = [
    { ticket: tickets.owner, method: "totp", code: codeOf(scenario, third.seed) },
    { ticket: tickets.owner, method: "recovery", code: third.recoveryCodes[0] },
    { ticket: tickets.third, method: "totp", code: codeOf(scenario, owner.seed) },
    { ticket: tickets.third, method: "recovery", code: owner.recoveryCodes[0] },
  ]
  for (const step of tries) expect(await scenario.auth("mfa", step)).toMatchObject({ status: 401 })
  const own = { ticket: tickets.owner, method: "recovery", code: owner.recoveryCodes[0] }
  expect(await scenario.auth("mfa", own)).toMatchObject({ status: 200, body: { user: { id: owner.userId } } })
})

function ofAccounts(): Operation[] {
  return operations.filter(({ isOpen }) => !isOpen)
}

async function call(operation: Operation, token?: string): Promise<Answer> {
  const body = await bodyOf(operation)
  return scenario.call(operation.method, pathOf(operation), { ...(token && { token }), ...body })
}

function pathOf({ path }: Operation): string {
  return path.replace(/\{\w+\}/, () => IDS[path]!())
}

async function bodyOf({ name }: Operation): Promise<{ body?: object }> {
  const body = await BODIES[name]?.()
  return body ? { body } : {}
}

/** Without what differs from request to request. */
function told({ status, body }: Answer): object {
  const { requestId: _, instance: __, ...problem } = body
  return { status, ...problem }
}

async function newOwner(): Promise<Owner> {
  const session = await scenario.newUser()
  const token = session.accessToken
  const passkey = await addPasskey(token)
  const away = await scenario.leaveToLink("acme", session)
  const { code } = await scenario.arrive("acme", away, { sub: "owner-1" })
  expect(await scenario.auth("identities", { code, codeVerifier: VERIFIER }, { token })).toMatchObject({ status: 201 })
  const made = await scenario.auth("keys", { name: "owner's", scopes: ["cart:read"] }, { token })
  const person = await protect(scenario, session)
  const second = await signIn({ passkey })
  const sessionIds = [session, second].map(({ refreshToken }) => refreshToken.split(".")[0]!)
  return { ...person, token, passkey, keyId: made.body.id, sessionIds }
}

/** Has a password and a passkey, which is quicker to sign in with. */
async function newOther(): Promise<Other> {
  const { email, accessToken: token } = await scenario.newUser()
  return { email, token, passkey: await addPasskey(token) }
}

async function addPasskey(token: string): Promise<Authenticator> {
  const passkey = await createAuthenticator()
  const options = await scenario.auth("passkeys/register/options", undefined, { token })
  const response = await passkey.create(options.body)
  expect(await scenario.auth("passkeys/register", { response }, { token })).toMatchObject({ status: 201 })
  return passkey
}

async function signIn({ passkey }: { passkey: Authenticator }): Promise<SessionBody> {
  const options = (await scenario.auth("passkeys/sign-in/options")).body
  const answer = await scenario.auth("passkeys/sign-in", { response: await passkey.get(options) })
  expect(answer, answer.text).toMatchObject({ status: 200 })
  return answer.body
}

/** All that the database holds of the user, but for what others' refused tries leave in the audit. */
async function rowsOf({ userId }: { userId: string }): Promise<unknown> {
  const tables = ["_passwords", "_identities", "_passkeys", "_sessions", "_totps", "_recovery_codes", "_keys"]
  const results = await env.DB.batch([
    env.DB.prepare("SELECT * FROM _users WHERE id = ?").bind(userId),
    ...tables.map((table) => env.DB.prepare(`SELECT * FROM ${table} WHERE user_id = ? ORDER BY 1, 2`).bind(userId)),
  ])
  return results.map((result) => result.results)
}
