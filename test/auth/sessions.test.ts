/** A user's list of sessions, and how they end. */

import { expect, test } from "vitest"
import { deviceOf } from "../../src/auth/user-agent.ts"
import { type AuthScenario, createAuthScenario, PASSWORD, type SessionBody, tripsOf } from "./scenario.ts"

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
const DAY = 24 * 3600_000

async function signIn(scenario: AuthScenario, email: string, userAgent = "curl/8.5.0"): Promise<SessionBody> {
  const headers = { "User-Agent": userAgent }
  return (await scenario.auth("sign-in", { email, password: PASSWORD }, { headers, ip: "192.0.2.44" })).body
}

const idOf = ({ refreshToken }: { refreshToken: string }) => refreshToken.split(".")[0]!

function list(scenario: AuthScenario, { accessToken }: { accessToken: string }) {
  return scenario.call("GET", "/v1/auth/sessions", { token: accessToken })
}

function end(scenario: AuthScenario, { accessToken }: { accessToken: string }, id = "") {
  return scenario.call("DELETE", `/v1/auth/sessions${id && `/${id}`}`, { token: accessToken })
}

function refresh(scenario: AuthScenario, { refreshToken }: { refreshToken: string }) {
  return scenario.auth("refresh", { refreshToken })
}

test("35: the list shows each session that stands, newest first, with its device and last use", async () => {
  const scenario = createAuthScenario()
  const first = await scenario.newUser()
  scenario.advance(60_000)
  const second = await signIn(scenario, first.email, FIREFOX)
  scenario.advance(60_000)
  const refreshed = await refresh(scenario, second)
  const { status, body } = await list(scenario, refreshed.body)
  expect(status).toBe(200)
  expect(body).toEqual({
    data: [
      {
        id: idOf(second),
        current: true,
        aal: 1,
        amr: ["pwd"],
        ip: expect.stringMatching(/^198\.51\./),
        userAgent: FIREFOX,
        device: "Firefox on Linux",
        place: null,
        createdAt: "2026-11-21T12:01:00.000Z",
        lastUsedAt: "2026-11-21T12:02:00.000Z",
        expiresAt: new Date(scenario.now() - 60_000 + 180 * DAY).toISOString(),
      },
      {
        id: idOf(first),
        current: false,
        aal: 1,
        amr: ["pwd"],
        ip: expect.any(String),
        userAgent: null,
        device: "Unknown device",
        place: null,
        createdAt: "2026-11-21T12:00:00.000Z",
        lastUsedAt: "2026-11-21T12:00:00.000Z",
        expiresAt: expect.any(String),
      },
    ],
  })
  expect(tripsOf(scenario).at(-1)).toBe(1)
})

test("35: sessions that have ended, by hand or by time, are in no list", async () => {
  const scenario = createAuthScenario({ sessions: { idleDays: 2 } })
  const first = await scenario.newUser()
  const second = await signIn(scenario, first.email)
  scenario.advance(DAY)
  const third = await signIn(scenario, first.email)
  await scenario.auth("sign-out", { refreshToken: second.refreshToken })
  expect((await list(scenario, third)).body.data).toHaveLength(2)
  scenario.advance(DAY)
  const now = (await refresh(scenario, third)).body
  expect((await list(scenario, now)).body.data.map(({ id }: { id: string }) => id)).toEqual([idOf(third)])
})

test("35: a session can be ended from another one, and is gone at once", async () => {
  const scenario = createAuthScenario()
  const first = await scenario.newUser()
  const second = await signIn(scenario, first.email)
  expect(await end(scenario, first, idOf(second))).toMatchObject({ status: 204, text: "" })
  expect(tripsOf(scenario).at(-1)).toBe(1)
  expect(await refresh(scenario, second)).toMatchObject({ status: 401 })
  expect(await list(scenario, second)).toMatchObject({ status: 401 })
  expect(await refresh(scenario, first)).toMatchObject({ status: 200 })
  expect(await end(scenario, first, idOf(second))).toMatchObject({ status: 404 })
  const ended = (await scenario.events(first.user.id)).filter(({ event }) => event === "session_ended")
  expect(ended).toMatchObject([{ result: "ok", actor: first.user.id }])
})

test("35: all other sessions can be ended at once", async () => {
  const scenario = createAuthScenario()
  const first = await scenario.newUser()
  const [second, third] = [await signIn(scenario, first.email), await signIn(scenario, first.email)]
  expect(await end(scenario, second)).toMatchObject({ status: 204, text: "" })
  for (const session of [first, third]) expect(await refresh(scenario, session)).toMatchObject({ status: 401 })
  expect((await list(scenario, second)).body.data.map(({ id }: { id: string }) => id)).toEqual([idOf(second)])
  expect(await refresh(scenario, second)).toMatchObject({ status: 200 })
})

test("35: a session that has ended can't end others", async () => {
  const scenario = createAuthScenario()
  const first = await scenario.newUser()
  const second = await signIn(scenario, first.email)
  await end(scenario, first, idOf(second))
  expect(await end(scenario, second, idOf(first))).toMatchObject({ status: 401 })
  expect(await end(scenario, second)).toMatchObject({ status: 401 })
  expect(await refresh(scenario, first)).toMatchObject({ status: 200 })
})

test("57: another user's sessions are neither seen nor ended, and look like ones that aren't there", async () => {
  const scenario = createAuthScenario()
  const ada = (await scenario.auth("anonymous")).body as SessionBody
  const bob = (await scenario.auth("anonymous")).body as SessionBody
  const { body } = await list(scenario, bob)
  expect(body.data.map(({ id }: { id: string }) => id)).toEqual([idOf(bob)])
  const said = ({ status, body }: Awaited<ReturnType<typeof end>>) => ({ status, code: body.code, detail: body.detail })
  const foreign = await end(scenario, bob, idOf(ada))
  expect(said(foreign)).toEqual(said(await end(scenario, bob, "AAAAAAAAAAAAAAAAAAAAAA")))
  expect(foreign.status).toBe(404)
  expect(await end(scenario, bob)).toMatchObject({ status: 204 })
  expect(await refresh(scenario, ada)).toMatchObject({ status: 200 })
  expect((await scenario.events(ada.user.id)).map(({ event }) => event)).not.toContain("session_ended")
})

test("sessions are for whoever has one: anonymous 401, a token without a session 403", async () => {
  const scenario = createAuthScenario()
  const { user } = (await scenario.auth("anonymous")).body as SessionBody
  const client = await scenario.as({ id: user.id })
  for (const [method, path] of [
    ["get", "/v1/auth/sessions"],
    ["delete", "/v1/auth/sessions"],
    ["delete", "/v1/auth/sessions/x"],
    ["get", "/v1/auth/user"],
    ["delete", "/v1/auth/user"],
  ] as const) {
    expect(await scenario.send(method.toUpperCase(), path), path).toMatchObject({ status: 401 })
    expect(await client[method](path), path).toMatchObject({ status: 403 })
  }
})

test("devices have short names", () => {
  const mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
  const windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
  const iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
  const android = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko)"
  const named: [string | null, string][] = [
    [FIREFOX, "Firefox on Linux"],
    [`${mac} Chrome/142.0.0.0 Safari/537.36`, "Chrome on macOS"],
    [`${mac} Version/18.5 Safari/605.1.15`, "Safari on macOS"],
    [`${windows} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0`, "Edge on Windows"],
    [`${windows} Chrome/142.0.0.0 Safari/537.36 OPR/125.0.0.0`, "Opera on Windows"],
    [`${iphone} Version/18.5 Mobile/15E148 Safari/604.1`, "Safari on iPhone"],
    [`${iphone} CriOS/142.0.0.0 Mobile/15E148 Safari/604.1`, "Chrome on iPhone"],
    [`${android} Chrome/142.0.0.0 Mobile Safari/537.36`, "Chrome on Android"],
    [`${android} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36`, "Samsung Internet on Android"],
    ["curl/8.5.0", "curl"],
    ["Mozilla/5.0", "Unknown device"],
    ["<script>", "Unknown device"],
    ["", "Unknown device"],
    [null, "Unknown device"],
  ]
  for (const [userAgent, name] of named) expect(deviceOf(userAgent), userAgent ?? "none").toBe(name)
})
