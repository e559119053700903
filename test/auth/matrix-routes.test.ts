/** What holds for every operation of sign-in and administration: closed bodies, bounds, fresh sign-ins, no stored answer. */

import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { createKey } from "../../src/auth/keys.ts"
import { authOperations, type Operation } from "./operations.ts"
import { createAuthenticator } from "./passkey-authenticator.ts"
import { CHALLENGE, createProviderScenario, type ProviderScenario, SITE } from "./provider-visits.ts"
import type { SessionBody } from "./scenario.ts"

const MIB = 1024 * 1024
/** Columns that nobody may write, and most of which nobody may see. */
const CLOSED = ["id", "userId", "passwordHash", "emailVerified", "mfa", "isAnonymous", "deletedAt", "aal", "generation"]

/** Operations about work, whose `attempts` are those of jobs and deliveries. */
const WORK = /^\/v1\/admin\/(jobs|schedules|webhooks|deliveries)/
/** Its `input` is JSON of the application's own form, which the job's schema bounds. */
const TAKES_ANY_INPUT = "POST /v1/admin/jobs/{id}/retry"

let scenario: ProviderScenario
let operations: readonly Operation[]
/** Of an account that is an admin. */
let admin: SessionBody
let calls = 0

beforeAll(async () => {
  scenario = await createProviderScenario()
  operations = [...(await authOperations(scenario)), ...(await authOperations(scenario, "/v1/admin/"))]
  const { user, refreshToken } = await scenario.newUser()
  await env.DB.prepare("UPDATE _users SET roles = '[\"admin\"]' WHERE id = ?").bind(user.id).run()
  admin = (await scenario.auth("refresh", { refreshToken })).body
})

const writesOfAccounts = () =>
  operations.filter(({ isOpen, method, path }) => !isOpen && method !== "GET" && path.startsWith("/v1/auth/"))

const withBody = () => operations.filter(({ fields }) => fields.length > 0)

function call({ method, path }: Operation, body?: unknown, token = admin.accessToken) {
  const whole = path.replace("{provider}", "acme").replace(/\{\w+\}/, crypto.randomUUID())
  // an address of its own each time, or the limits would answer
  const ip = `2001:db8:${(calls++).toString(16)}::1`
  return scenario.call(method, whole, { token, ip, ...(body !== undefined && { body }) })
}

test("58: no body takes a field that isn't its own", async () => {
  expect(withBody().length).toBeGreaterThan(20)
  for (const operation of withBody()) {
    const foreign = [...CLOSED, "roles", "banned"].filter((field) => !operation.fields.includes(field))
    const answer = await call(operation, Object.fromEntries(foreign.map((field) => [field, true])))
    expect(answer, operation.name).toMatchObject({ status: 422, body: { code: "validation_failed" } })
    const refused = answer.body.errors.filter(({ code }: { code: string }) => code === "unknown_field")
    expect(
      refused.map(({ pointer }: { pointer: string }) => pointer),
      operation.name,
    ).toEqual(foreign.map((field) => `/${field}`))
  }
})

test("58: no answer is described with a column that is nobody's to see", async () => {
  const { body } = await scenario.call("GET", "/openapi.json")
  const described = operations
    .filter(({ path }) => !WORK.test(path))
    .map(({ method, path }) => body.paths[path][method.toLowerCase()].responses)
  const names = new Set<string>()
  const read = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return
    for (const [name, inner] of Object.entries(value)) {
      if (name === "properties") for (const property of Object.keys(inner)) names.add(property)
      if (name === "$ref" && String(inner).includes("/schemas/")) read(body.components.schemas[inner.split("/").at(-1)])
      else read(inner)
    }
  }
  read(described)
  expect(names).toContain("emailVerified")
  const hidden = ["hash", "refreshHash", "rotatedKey", "generation", "publicKey", "privateJwk", "counter", "lastStep"]
  for (const name of [...hidden, "payload", "attempts", "passwordHash", "deletedAt"]) expect(names).not.toContain(name)
})

test("60: bodies are bounded in size, depth and the length of each text", async () => {
  const deep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`
  for (const operation of withBody()) {
    const { name, fields } = operation
    expect(await call(operation, " ".repeat(MIB + 1)), name).toMatchObject({ status: 413 })
    const nested = await call(operation, deep)
    expect([400, 422], `${name} ${nested.text.slice(0, 200)}`).toContain(nested.status)
    if (name === TAKES_ANY_INPUT) continue
    const long = Object.fromEntries(fields.map((field) => [field, "x".repeat(100_000)]))
    const answer = await call(operation, long)
    expect(answer, `${name} ${answer.text.slice(0, 200)}`).toMatchObject({ status: 422 })
    expect(answer.text.length, name).toBeLessThan(10_000)
    const broken = await call(operation, Object.fromEntries(fields.map((field) => [field, { $ne: null }])))
    expect(broken.status, name).toBe(422)
  }
})

test("37: no answer of sign-in is stored anywhere, neither the good nor the refused", async () => {
  for (const operation of operations) {
    const visitor = (await scenario.auth("anonymous")).body as SessionBody
    for (const token of [admin.accessToken, visitor.accessToken, createKey("api").key]) {
      // some of them end what they are called with
      const spared = operation.name === "POST /v1/auth/sign-out" || operation.name === "DELETE /v1/auth/user"
      if (spared && token === admin.accessToken) continue
      const { headers, status } = await call(operation, operation.fields.length > 0 ? {} : undefined, token)
      expect(headers.get("Cache-Control"), `${operation.name} ${status}`).toContain("no-store")
      expect(headers.get("Vary"), operation.name).toContain("Origin")
    }
  }
})

test("21: whatever changes how one signs in needs a fresh sign-in, and it is known of every operation whether it does", async () => {
  const { accessToken: _, refreshToken, user } = await scenario.newUser()
  scenario.advance(10 * 60_000 + 1)
  const { accessToken: token } = (await scenario.auth("refresh", { refreshToken })).body as SessionBody
  const stale: string[] = []
  const response = await (await createAuthenticator()).create({ challenge: "c".repeat(43), user })
  const bodies: Record<string, unknown> = { ...BODIES, "POST /v1/auth/passkeys/register": { response } }
  for (const operation of writesOfAccounts()) {
    const answer = await call(operation, bodies[operation.name], token)
    if (answer.body?.code === "reauthentication_required") stale.push(operation.name)
    else expect(WITHOUT, `${operation.name} ${answer.text}`).toHaveProperty([operation.name], answer.status)
  }
  expect(stale.toSorted()).toEqual(FRESH.toSorted())
  expect((await scenario.events(user.id)).map(({ event }) => event)).not.toContain("factor_added")
})

const FRESH = [
  "DELETE /v1/auth/user",
  "POST /v1/auth/email/change",
  "POST /v1/auth/totp",
  "POST /v1/auth/totp/activate",
  "DELETE /v1/auth/totp",
  "POST /v1/auth/recovery-codes",
  "POST /v1/auth/passkeys/register/options",
  "POST /v1/auth/passkeys/register",
  "DELETE /v1/auth/passkeys/{id}",
  "POST /v1/auth/oauth/{provider}/link",
  "DELETE /v1/auth/identities/{provider}",
  "POST /v1/auth/keys",
]

/** What an old session may still do, and what it is answered here. */
const WITHOUT: Record<string, number> = {
  "PATCH /v1/auth/user": 200,
  "PATCH /v1/auth/passkeys/{id}": 404,
  "DELETE /v1/auth/sessions/{id}": 404,
  "DELETE /v1/auth/sessions": 204,
  "DELETE /v1/auth/keys/{id}": 404,
  "POST /v1/auth/email/verify/request": 202,
  // asks for the current password instead
  "POST /v1/auth/password/change": 401,
  // ends what a fresh session began within the last minute
  "POST /v1/auth/identities": 401,
}

const BODIES: Record<string, unknown> = {
  "PATCH /v1/auth/user": { name: "Ada" },
  "PATCH /v1/auth/passkeys/{id}": { name: "Key" },
  "POST /v1/auth/keys": { name: "script", scopes: ["cart:read"] },
  "POST /v1/auth/password/change": { currentPassword: "not the one", password: "another long passphrase" },
  "POST /v1/auth/identities": { code: "x".repeat(43), codeVerifier: "x".repeat(43) },
  "POST /v1/auth/email/change": { email: "elsewhere@example.com" },
  "POST /v1/auth/totp/activate": { code: "123456" },
  "POST /v1/auth/oauth/{provider}/link": { redirectTo: SITE, codeChallenge: CHALLENGE },
}
