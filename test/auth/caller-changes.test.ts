/** What is written into the log of changes when an account, a session or a key is no longer what it was. */

import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { callerChange } from "../../src/auth/caller-changes.ts"
import { sweepQueries } from "../../src/auth/sweep.ts"
import { toChange } from "../../src/changes/read-change.ts"
import { codeOf, protect } from "./authenticator.ts"
import { createAuthScenario, PASSWORD, type SessionBody } from "./scenario.ts"

const NEW = "another long passphrase"
const DAY_MS = 24 * 3600_000

const scenario = createAuthScenario()
let boss: SessionBody

beforeAll(async () => {
  const person = await newPerson()
  await env.DB.prepare("UPDATE _users SET roles = '[\"admin\"]' WHERE id = ?").bind(person.user.id).run()
  boss = { ...person, ...(await scenario.auth("refresh", { refreshToken: person.refreshToken })).body }
})

async function newPerson() {
  const person = await scenario.newUser()
  const [id, userId, token] = [idOf(person), person.user.id, person.accessToken]
  return { ...person, id, userId, token, signInAgain: async () => idOf(await signIn(person.email)) }
}

type Person = Awaited<ReturnType<typeof newPerson>>

const signIn = async (email: string, password = PASSWORD) => (await scenario.auth("sign-in", { email, password })).body

const idOf = ({ refreshToken }: { refreshToken: string }) => refreshToken.split(".")[0]!

const administer = (method: string, path: string, body?: unknown) =>
  scenario.call(method, `/v1/admin/${path}`, { token: boss.accessToken, ...(body !== undefined && { body }) })

async function newKey({ token }: { token: string }): Promise<string> {
  return (await scenario.auth("keys", { name: "script", scopes: ["cart:read"] }, { token })).body.id
}

/** What the sockets of callers learn of `work`, such as `session 7Q…`, in any order. */
async function learnt(work: () => Promise<{ status: number } | unknown>): Promise<string[]> {
  const since = await scenario.lastSeq()
  const answer = await work()
  if (answer && typeof answer === "object" && "status" in answer) expect(answer.status).toBeLessThan(300)
  const changes = (await scenario.changes(since)).map((row) => callerChange(toChange(row)))
  return changes.flatMap((change) => (change ? [`${change.kind} ${change.id}`] : [])).toSorted()
}

const sorted = (...items: string[]) => items.toSorted()

test("a sign-out is a change of its session, with nothing in it but whose it is", async () => {
  const { id, userId, refreshToken } = await newPerson()
  const since = await scenario.lastSeq()
  await scenario.auth("sign-out", { refreshToken })
  await scenario.auth("sign-out", { refreshToken })
  const row = JSON.stringify({ id, user_id: userId })
  expect(await scenario.changes(since)).toEqual([
    {
      seq: since + 1,
      table_name: "_sessions",
      record_id: id,
      op: "update",
      before: row,
      after: row,
      at: expect.any(Number),
    },
  ])
})

test("a session that begins, is used or renewed is no change of a caller, nor is a new name", async () => {
  const { token, email, refreshToken } = await newPerson()
  expect(
    await learnt(async () => {
      await signIn(email)
      const { body } = await scenario.auth("refresh", { refreshToken })
      await scenario.call("PATCH", "/v1/auth/user", { token: body.accessToken, body: { name: "Ada" } })
      await newKey({ token })
    }),
  ).toEqual([])
})

test("a refresh token that is used again ends its session, and that is a change", async () => {
  const { id, refreshToken } = await newPerson()
  await scenario.auth("refresh", { refreshToken })
  scenario.advance(10_000)
  expect(await learnt(async () => void (await scenario.auth("refresh", { refreshToken })))).toEqual([`session ${id}`])
})

test("sessions that their user ends are changes, one by one or all others at once", async () => {
  const person = await newPerson()
  const [one, two, three] = [await person.signInAgain(), await person.signInAgain(), await person.signInAgain()]
  const { token } = person
  const end = (path: string) => () => scenario.call("DELETE", `/v1/auth/sessions${path}`, { token })
  expect(await learnt(end(`/${one}`))).toEqual([`session ${one}`])
  expect(await learnt(end(""))).toEqual(sorted(`session ${two}`, `session ${three}`))
})

const SECURED: Record<string, (person: Person) => Promise<unknown>> = {
  "a change of the password": ({ token }) =>
    scenario.auth("password/change", { currentPassword: PASSWORD, password: NEW }, { token }),
  "a second factor": (person) => protect(scenario, person),
}

test.each(Object.keys(SECURED))("5: %s ends the other sessions, and each is a change", async (name) => {
  const person = await newPerson()
  const other = await person.signInAgain()
  expect(await learnt(() => SECURED[name]!(person))).toEqual([`session ${other}`])
})

test("5: a second factor that is removed ends the other sessions, and each is a change", async () => {
  const person = await newPerson()
  const { seed } = await protect(scenario, person)
  const { mfa } = await signIn(person.email)
  const step = { ticket: mfa.ticket, method: "totp", code: codeOf(scenario, seed) }
  const other = idOf((await scenario.auth("mfa", step)).body)
  expect(await learnt(() => scenario.call("DELETE", "/v1/auth/totp", { token: person.token }))).toEqual([
    `session ${other}`,
  ])
})

test("6: a reset of the password ends all sessions, and each is a change", async () => {
  const { id, email } = await newPerson()
  await scenario.auth("password/forgot", { email })
  const token = (await scenario.mail(email, "reset-password")).secret
  expect(await learnt(() => scenario.auth("password/reset", { token, password: NEW }))).toEqual([`session ${id}`])
})

test("a role that is given or taken is a change of the account, one that it had already is none", async () => {
  const { userId } = await newPerson()
  const give = (...roles: string[]) => learnt(() => administer("PATCH", `users/${userId}`, { roles }))
  expect(await give("staff")).toEqual([`user ${userId}`])
  expect(await give("staff")).toEqual([])
  expect(await give()).toEqual([`user ${userId}`])
})

test("a ban is a change of the account and of its sessions, and so is its end of the account", async () => {
  const { id, userId } = await newPerson()
  const ban = (banned: boolean) => learnt(() => administer("PATCH", `users/${userId}`, { banned }))
  expect(await ban(true)).toEqual(sorted(`user ${userId}`, `session ${id}`))
  expect(await ban(false)).toEqual([`user ${userId}`])
})

test("35: sessions that an admin ends are changes", async () => {
  const person = await newPerson()
  const other = await person.signInAgain()
  expect(await learnt(() => administer("DELETE", `users/${person.userId}/sessions`))).toEqual(
    sorted(`session ${person.id}`, `session ${other}`),
  )
})

test("a key that is revoked is a change, also one of the service", async () => {
  const person = await newPerson()
  const own = await newKey(person)
  const service = (await administer("POST", "keys", { name: "nightly" })).body.id as string
  const { token } = person
  expect(await learnt(() => scenario.call("DELETE", `/v1/auth/keys/${own}`, { token }))).toEqual([`key ${own}`])
  const since = await scenario.lastSeq()
  expect(await learnt(() => administer("DELETE", `keys/${service}`))).toEqual([`key ${service}`])
  const row = JSON.stringify({ id: service, user_id: null })
  expect(await scenario.changes(since)).toMatchObject([{ table_name: "_keys", op: "update", before: row, after: row }])
})

test("an account that is deleted changes, and its sessions and keys with it", async () => {
  const person = await newPerson()
  const [other, key] = [await person.signInAgain(), await newKey(person)]
  const { token } = person
  expect(await learnt(() => scenario.call("DELETE", "/v1/auth/user", { token }))).toEqual(
    sorted(`user ${person.userId}`, `session ${person.id}`, `session ${other}`, `key ${key}`),
  )
})

test("an anonymous visitor who makes an account or goes into one leaves the session of before", async () => {
  const visit = async () => (await scenario.auth("anonymous")).body as SessionBody
  const signUp = (visitor: SessionBody) =>
    scenario.auth(
      "sign-up",
      { email: `was-${visitor.user.id}@example.com`, password: PASSWORD },
      { token: visitor.accessToken },
    )
  const first = await visit()
  expect(await learnt(() => signUp(first))).toEqual([`session ${idOf(first)}`])
  const { email } = await newPerson()
  const second = await visit()
  const merge = () => scenario.auth("sign-in", { email, password: PASSWORD }, { token: second.accessToken })
  expect(await learnt(merge)).toEqual(sorted(`user ${second.user.id}`, `session ${idOf(second)}`))
})

test("rows that are deleted while they could be used are changes, by a cascade too; those that had ended are none", async () => {
  const now = Date.now()
  const person = await newPerson()
  const key = await newKey(person)
  const revoked = await newKey(person)
  await scenario.call("DELETE", `/v1/auth/keys/${revoked}`, { token: person.token })
  const ids = await insertSessions(person.userId, [
    { idleAt: now + DAY_MS, expiresAt: now + DAY_MS },
    { idleAt: now - 1, expiresAt: now + DAY_MS },
    { idleAt: now - 1, expiresAt: now - 1 },
    { idleAt: now + DAY_MS, expiresAt: now + DAY_MS, revokedAt: 1 },
  ])
  const expired = await newKey(person)
  await env.DB.prepare("UPDATE _sessions SET idle_at = 1 WHERE id = ?").bind(person.id).run()
  await env.DB.prepare("UPDATE _keys SET expires_at = 1 WHERE id = ?").bind(expired).run()
  const remove = () => env.DB.prepare("DELETE FROM _users WHERE id = ?").bind(person.userId).run()
  expect(await learnt(remove)).toEqual(sorted(`user ${person.userId}`, `session ${ids[0]}`, `key ${key}`))
})

test("sessions that end by themselves are no changes: neither revoked afterwards nor swept", async () => {
  const person = await newPerson()
  const now = Date.now()
  const old = { idleAt: now - 50 * DAY_MS, expiresAt: now - 40 * DAY_MS }
  const [unused] = await insertSessions(person.userId, [old, { ...old, idleAt: old.expiresAt }])
  const revoke = () =>
    env.DB.prepare("UPDATE _sessions SET revoked_at = ? WHERE id = ?")
      .bind(now - 45 * DAY_MS, unused)
      .run()
  expect(await learnt(revoke)).toEqual([])
  const sweep = () => env.DB.batch(sweepQueries(now).map(({ sql, params }) => env.DB.prepare(sql).bind(...params)))
  expect(await learnt(sweep)).toEqual([])
  const left = await env.DB.prepare("SELECT id FROM _sessions WHERE user_id = ?").bind(person.userId).all()
  expect(left.results).toEqual([{ id: person.id }])
})

test("operators see these changes under the names of their tables, and nothing else takes notice", async () => {
  const { id, userId, refreshToken } = await newPerson()
  await scenario.auth("sign-out", { refreshToken })
  await scenario.settled()
  expect(scenario.logged.filter(({ level }) => level === "error")).toEqual([])
  const { status, body } = await administer("GET", `changes?collection=_sessions&recordId=${id}`)
  const row = { id, user_id: userId }
  expect(status).toBe(200)
  expect(body.data).toMatchObject([{ collection: "_sessions", op: "update", before: row, after: row }])
})

async function insertSessions(
  userId: string,
  rows: readonly { idleAt: number; expiresAt: number; revokedAt?: number }[],
): Promise<string[]> {
  const ids = rows.map(() => crypto.randomUUID())
  const insert = env.DB.prepare(`INSERT INTO _sessions (id, user_id, generation, refresh_hash, rotated_at, aal, amr,
  created_at, authenticated_at, last_used_at, idle_at, expires_at, revoked_at)
VALUES (?, ?, 0, '', 1, 1, '["test"]', 1, 1, 1, ?, ?, ?)`)
  await env.DB.batch(
    rows.map((row, i) => insert.bind(ids[i], userId, row.idleAt, row.expiresAt, row.revokedAt ?? null)),
  )
  return ids
}
