/** Who signs in on a socket, and who may stay on it. */

import { env } from "cloudflare:workers"
import { base64url } from "jose"
import { beforeAll, expect, test } from "vitest"
import { createKeys } from "../../src/auth/keys.ts"
import { createSocketCallers, type SocketCallers } from "../../src/auth/socket-callers.ts"
import { createTokens } from "../../src/auth/tokens.ts"
import { ANONYMOUS, type Caller, SERVICE } from "../../src/core/caller.ts"
import { newId } from "../../src/tables.ts"
import { createFaultyD1 } from "../fixture/faulty-d1.ts"
import { createReplicas } from "../fixture/replicas.ts"
import { createAuthScenario, type SessionBody } from "./scenario.ts"

const scenario = createAuthScenario()
const { now } = scenario
const faulty = createFaultyD1(env.DB)
const tokens = createTokens({ db: env.DB, secret: env.SELVEDGE_SECRET, now })
const callers = open(faulty.d1)
let boss: SessionBody

beforeAll(async () => {
  const person = await scenario.newUser()
  await setRoles(person.user.id, "admin")
  boss = { ...person, ...(await scenario.auth("refresh", { refreshToken: person.refreshToken })).body }
})

function open(d1: D1Database): SocketCallers {
  return createSocketCallers({ d1, tokens, keys: createKeys({ db: d1, now }), now })
}

const setRoles = (id: string, ...roles: string[]) =>
  env.DB.prepare("UPDATE _users SET roles = ? WHERE id = ?").bind(JSON.stringify(roles), id).run()

const ban = (id: string) =>
  scenario.call("PATCH", `/v1/admin/users/${id}`, { token: boss.accessToken, body: { banned: true } })

const signOut = ({ refreshToken }: SessionBody) => scenario.auth("sign-out", { refreshToken })

const expiryOf = (token: string) =>
  JSON.parse(new TextDecoder().decode(base64url.decode(token.split(".")[1]!))).exp * 1000

async function newKey({ accessToken: token }: SessionBody, more: object = {}) {
  const answer = await scenario.auth("keys", { name: "script", scopes: ["cart:read"], ...more }, { token })
  return answer.body as { id: string; key: string }
}

async function newServiceKey() {
  const { body } = await scenario.call("POST", "/v1/admin/keys", { token: boss.accessToken, body: { name: "nightly" } })
  return body as { id: string; key: string }
}

/** Of one who was never in the database unless `subject` says so. */
const plainToken = (subject = newId(), roles: string[] = ["staff"]) =>
  tokens.sign({ subject, roles, lifetimeSeconds: 600 })

/** @returns How often D1 was asked. */
async function asked(work: () => Promise<unknown>): Promise<number> {
  faulty.asked = 0
  await work()
  return faulty.asked
}

async function callerOf(token: string): Promise<Caller> {
  return (await callers.signIn(token)).caller
}

test("a session's token signs in with the roles, the level and the name of this moment, in one trip", async () => {
  const person = await scenario.newUser()
  await scenario.call("PATCH", "/v1/auth/user", { token: person.accessToken, body: { name: "Ada" } })
  await setRoles(person.user.id, "staff")
  await env.DB.prepare("UPDATE _sessions SET aal = 2 WHERE user_id = ?").bind(person.user.id).run()
  await callers.signIn(person.accessToken)
  expect(await asked(() => callers.signIn(person.accessToken))).toBe(1)
  expect(await callers.signIn(person.accessToken)).toEqual({
    caller: {
      kind: "user",
      id: person.user.id,
      roles: ["staff"],
      session: { id: person.refreshToken.split(".")[0], aal: 2, anonymous: false },
    },
    name: "Ada",
    expiresAt: expiryOf(person.accessToken),
  })
})

const ENDS: Record<string, (person: SessionBody) => Promise<unknown>> = {
  "a sign-out": signOut,
  "a ban": ({ user }) => ban(user.id),
  "the end of the account": ({ accessToken: token }) => scenario.call("DELETE", "/v1/auth/user", { token }),
  "the loss of its row": ({ user }) => env.DB.prepare("DELETE FROM _users WHERE id = ?").bind(user.id).run(),
  "the end of its time": ({ user }) =>
    env.DB.prepare("UPDATE _sessions SET idle_at = ? WHERE user_id = ?").bind(now(), user.id).run(),
}

test.each(Object.keys(ENDS))(
  "13: after %s a session's token signs in no more, and its socket may not stay",
  async (name) => {
    const person = await scenario.newUser()
    const caller = await callerOf(person.accessToken)
    await ENDS[name]!(person)
    await expect(callers.signIn(person.accessToken)).rejects.toMatchObject({ code: "unauthenticated" })
    expect(await callers.stillStanding([caller])).toEqual([undefined])
  },
)

test("13: a replica that lags behind a sign-out lets nobody in", async () => {
  const person = await scenario.newUser()
  const replicas = await createReplicas(env.DB)
  const far = open(replicas.d1)
  const { caller } = await far.signIn(person.accessToken)
  await signOut(person)
  await expect(far.signIn(person.accessToken)).rejects.toMatchObject({ code: "unauthenticated" })
  expect(await far.stillStanding([caller])).toEqual([undefined])
  expect(new Set(replicas.answered)).toEqual(new Set(["primary"]))
})

test("what HTTP refuses is refused, and costs no trip", async () => {
  const expired = await tokens.sign({ subject: newId(), roles: [], lifetimeSeconds: 1 })
  scenario.advance(1_000)
  await expect(callers.signIn(expired)).rejects.toMatchObject({ code: "token_expired" })
  const { key } = await newKey(await scenario.newUser())
  const mistyped = key.slice(0, -1) + (key.endsWith("A") ? "B" : "A")
  const wrong = ["", " ", "Bearer x", "a.b.c", `${await plainToken()}x`, "slv_", mistyped, "slv_api_ü"]
  for (const token of wrong) {
    const trips = asked(() => expect(callers.signIn(token), token).rejects.toMatchObject({ code: "unauthenticated" }))
    expect(await trips).toBe(0)
  }
})

test("a token without a session keeps its roles, whether or not there is an account, unless that is banned or deleted", async () => {
  const stranger = await plainToken()
  const token = await callers.signIn(stranger)
  expect(token).toMatchObject({ caller: { kind: "user", roles: ["staff"] }, expiresAt: expiryOf(stranger) })
  expect(token.name).toBeUndefined()
  for (const name of ["a ban", "the end of the account"]) {
    const person = await scenario.newUser()
    const own = await plainToken(person.user.id)
    const caller = await callerOf(own)
    expect(caller.roles).toEqual(["staff"])
    expect((await callers.stillStanding([caller]))[0]).toBe(caller)
    await ENDS[name]!(person)
    await expect(callers.signIn(own)).rejects.toMatchObject({ code: "unauthenticated" })
    expect(await callers.stillStanding([caller])).toEqual([undefined])
  }
})

test("a token of the service needs no trip", async () => {
  const token = await tokens.sign({ service: true, lifetimeSeconds: 60 })
  await callers.signIn(token)
  expect(await asked(() => callers.signIn(token))).toBe(0)
  expect(await callers.signIn(token)).toEqual({ caller: SERVICE, name: undefined, expiresAt: expiryOf(token) })
})

test("a key signs in as its user within its scopes, until it expires, is revoked, or its user is banned", async () => {
  const person = await scenario.newUser()
  await scenario.call("PATCH", "/v1/auth/user", { token: person.accessToken, body: { name: "Grace" } })
  const expiresAt = now() + 60_000
  const [forever, brief] = [
    await newKey(person),
    await newKey(person, { expiresAt: new Date(expiresAt).toISOString() }),
  ]
  const signedIn = await callers.signIn(forever.key)
  expect(signedIn).toEqual({
    caller: { kind: "user", id: person.user.id, roles: [], key: forever.id, scopes: new Set(["cart:read"]) },
    name: "Grace",
    expiresAt: Number.POSITIVE_INFINITY,
  })
  expect(await asked(() => callers.signIn(forever.key))).toBe(1)
  const soon = await callers.signIn(brief.key)
  expect(soon.expiresAt).toBe(expiresAt)
  await setRoles(person.user.id, "staff")
  expect(await callers.stillStanding([signedIn.caller, soon.caller])).toMatchObject([
    { key: forever.id, roles: ["staff"], scopes: new Set(["cart:read"]) },
    { key: brief.id, roles: ["staff"] },
  ])
  scenario.advance(60_000)
  expect(await callers.stillStanding([signedIn.caller, soon.caller])).toMatchObject([{ key: forever.id }, undefined])
  const { body } = await scenario.auth("refresh", { refreshToken: person.refreshToken })
  const other = await newKey(body)
  const caller = await callerOf(other.key)
  await scenario.call("DELETE", `/v1/auth/keys/${forever.id}`, { token: body.accessToken })
  await expect(callers.signIn(forever.key)).rejects.toMatchObject({ code: "unauthenticated" })
  expect(await callers.stillStanding([signedIn.caller, caller])).toMatchObject([undefined, { key: other.id }])
  await ban(person.user.id)
  expect(await callers.stillStanding([caller])).toEqual([undefined])
})

test("41: a service key signs in as the service, and its socket may not stay when it is revoked", async () => {
  const { id, key } = await newServiceKey()
  const { caller, name, expiresAt } = await callers.signIn(key)
  expect({ caller, name, expiresAt }).toEqual({
    caller: { ...SERVICE, key: id },
    name: undefined,
    expiresAt: Number.POSITIVE_INFINITY,
  })
  expect((await callers.stillStanding([caller]))[0]).toBe(caller)
  await scenario.call("DELETE", `/v1/admin/keys/${id}`, { token: boss.accessToken })
  expect(await callers.stillStanding([caller])).toEqual([undefined])
  await expect(callers.signIn(key)).rejects.toMatchObject({ code: "unauthenticated" })
})

test("any number of callers is asked about in one trip, and each comes back in its place", async () => {
  const people = [await scenario.newUser(), await scenario.newUser(), await scenario.newUser()]
  const [one, two, three] = (await Promise.all(people.map(({ accessToken }) => callerOf(accessToken)))) as [
    Caller,
    Caller,
    Caller,
  ]
  const key = await callerOf((await newKey(people[0]!)).key)
  const service = await callerOf((await newServiceKey()).key)
  const plain = await callerOf(await plainToken())
  await signOut(people[1]!)
  await setRoles(three.id, "staff", "admin")
  const some = [ANONYMOUS, two, one, three, SERVICE, key, plain, service, two]
  const others = Array.from({ length: 1_000 }, () => one)
  let standing: (Caller | undefined)[] = []
  const trips = await asked(async () => {
    standing = await callers.stillStanding([...some, ...others])
  })
  expect(trips).toBe(1)
  expect(standing.slice(0, some.length)).toEqual([
    ...[ANONYMOUS, undefined, one, { ...three, roles: ["staff", "admin"] }, SERVICE, key, plain, service, undefined],
  ])
  expect([2, 5, 6, 7, 1_008].map((i) => standing[i] === [...some, ...others][i])).toEqual(Array(5).fill(true))
  expect(await asked(() => callers.stillStanding([ANONYMOUS, SERVICE]))).toBe(0)
  expect(await asked(() => callers.stillStanding([]))).toBe(0)
})

test("a session stands for its own user alone", async () => {
  const [one, other] = [await scenario.newUser(), await scenario.newUser()]
  const sessionId = other.refreshToken.split(".")[0]!
  const mixed = await tokens.sign({ subject: one.user.id, roles: [], sessionId, lifetimeSeconds: 60 })
  await expect(callers.signIn(mixed)).rejects.toMatchObject({ code: "unauthenticated" })
})

test("while the database is away nobody is let in or sent away", async () => {
  const person = await scenario.newUser()
  const caller = await callerOf(person.accessToken)
  const away = { text: "D1_ERROR: D1 DB is overloaded. Requests queued for too long." }
  faulty.faults.push(away, away)
  await expect(callers.signIn(person.accessToken)).rejects.toMatchObject({ code: "overloaded" })
  faulty.faults.splice(0)
  faulty.faults.push(away, away)
  await expect(callers.stillStanding([caller])).rejects.toMatchObject({ code: "overloaded" })
  faulty.faults.splice(0)
})
