/** Flows that change factors: they need a session that stands, opened a moment ago, with all factors. */

import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import type { Answer } from "../fixture/scenario.ts"
import { protect } from "./authenticator.ts"
import { type AuthScenario, createAuthScenario, PASSWORD, START } from "./scenario.ts"

const MINUTE_MS = 60_000

type Change = (scenario: AuthScenario, token?: string) => Promise<Answer>

/** Every route that changes factors. */
const CHANGES: Record<string, Change> = {
  "POST totp": (scenario, token) => scenario.auth("totp", undefined, as(token)),
  "POST totp/activate": (scenario, token) => scenario.auth("totp/activate", { code: "123456" }, as(token)),
  "DELETE totp": (scenario, token) => scenario.call("DELETE", "/v1/auth/totp", as(token)),
  "POST recovery-codes": (scenario, token) => scenario.auth("recovery-codes", undefined, as(token)),
}

test.each(Object.keys(CHANGES))("21: %s takes a sign-in of the last 10 minutes; a refresh is none", async (name) => {
  const scenario = createAuthScenario()
  const { refreshToken } = await scenario.newUser()
  scenario.advance(10 * MINUTE_MS)
  const { body } = await scenario.auth("refresh", { refreshToken })
  const fresh = await CHANGES[name]!(scenario, body.accessToken)
  expect([201, 404, 409]).toContain(fresh.status)
  scenario.advance(1)
  const stale = await CHANGES[name]!(scenario, body.accessToken)
  expect(stale).toMatchObject({ status: 403, body: { code: "reauthentication_required" } })
})

test.each(Object.keys(CHANGES))("%s takes a user's own session", async (name) => {
  const scenario = createAuthScenario()
  const anonymous = await CHANGES[name]!(scenario)
  expect(anonymous).toMatchObject({ status: 401, body: { code: "unauthenticated" } })
  expect(anonymous.headers.get("WWW-Authenticate")).toContain("Bearer")
  const { user } = await scenario.newUser()
  for (const caller of [{ id: user.id }, "service"] as const) {
    const client = await scenario.as(caller)
    const [method, path] = name.split(" ") as ["POST" | "DELETE", string]
    const body = name.endsWith("activate") ? { body: { code: "123456" } } : {}
    const send = method === "POST" ? client.post : client.delete
    expect(await send(`/v1/auth/${path}`, body), JSON.stringify(caller)).toMatchObject({ status: 403 })
  }
})

test.each([
  ["was revoked", "UPDATE _sessions SET revoked_at = 1 WHERE user_id = ?"],
  ["lay idle for too long", `UPDATE _sessions SET idle_at = ${START} WHERE user_id = ?`],
  ["has come to its end", `UPDATE _sessions SET expires_at = ${START} WHERE user_id = ?`],
  ["is of a banned account", "UPDATE _users SET banned_until = 9e15 WHERE id = ?"],
  ["is of a deleted account", "UPDATE _users SET deleted_at = 1 WHERE id = ?"],
])("34: a session that %s changes nothing, though its access token is still good", async (_, sql) => {
  const scenario = createAuthScenario()
  const { user, accessToken } = await scenario.newUser()
  expect(await CHANGES["POST totp"]!(scenario, accessToken)).toMatchObject({ status: 201 })
  const before = await seedOf(user.id)
  await env.DB.prepare(sql).bind(user.id).run()
  const answer = await CHANGES["POST totp"]!(scenario, accessToken)
  expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } })
  expect(answer.headers.get("WWW-Authenticate")).toContain('error="invalid_token"')
  expect(await seedOf(user.id)).toBe(before)
})

test("21: a session with the first factor alone, from before the second was on, has ended, and changes no factor", async () => {
  const scenario = createAuthScenario()
  const person = await scenario.newUser()
  const other = await scenario.auth("sign-in", { email: person.email, password: PASSWORD })
  await protect(scenario, person)
  for (const [name, change] of Object.entries(CHANGES)) {
    const answer = await change(scenario, other.body.accessToken)
    expect(answer, name).toMatchObject({ status: 401, body: { code: "unauthenticated" } })
  }
})

test("an anonymous user's session counts like any other", async () => {
  const scenario = createAuthScenario()
  const { body } = await scenario.auth("anonymous")
  const started = await CHANGES["POST totp"]!(scenario, body.accessToken)
  expect(started).toMatchObject({ status: 201, body: { uri: expect.stringContaining(body.user.id) } })
})

function as(token: string | undefined): { token?: string } {
  return token === undefined ? {} : { token }
}

function seedOf(userId: string): Promise<string | null> {
  return env.DB.prepare("SELECT secret FROM _totps WHERE user_id = ?").bind(userId).first<string>("secret")
}
