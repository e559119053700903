/** The refresh token in a cookie of the same site. */

import { expect, test } from "vitest"
import type { Answer } from "../fixture/scenario.ts"
import { type AuthScenario, createAuthScenario, PASSWORD } from "./scenario.ts"

const SITE = "http://localhost:8788"
const NAME = "__Host-selvedge"

function setCookie({ headers }: Answer): { value: string; attributes: string[] } | undefined {
  const [, value, rest] = /^__Host-selvedge=([^;]*); (.*)$/.exec(headers.get("Set-Cookie") ?? "") ?? []
  return value === undefined ? undefined : { value, attributes: rest!.split("; ") }
}

async function signedInByCookie(scenario: AuthScenario) {
  const answer = await scenario.auth("anonymous?cookie=true", undefined, { headers: { Origin: SITE } })
  return { answer, cookie: `${NAME}=${setCookie(answer)!.value}` }
}

function refresh(scenario: AuthScenario, cookie: string, headers: Record<string, string> = { Origin: SITE }) {
  return scenario.auth("refresh", undefined, { headers: { Cookie: cookie, ...headers } })
}

test("36: with cookie=true the refresh token is in a __Host- cookie that no script reads, and not in the body", async () => {
  const scenario = createAuthScenario()
  const { answer } = await signedInByCookie(scenario)
  expect(answer.status).toBe(201)
  expect(answer.body).not.toHaveProperty("refreshToken")
  const { value, attributes } = setCookie(answer)!
  expect(value).toMatch(/^[\w-]{22}\.1\.[\w-]{43}$/)
  expect(attributes.toSorted()).toEqual(["HttpOnly", "Max-Age=15552000", "Path=/", "SameSite=Strict", "Secure"])
})

test("36: every way to sign in sets the cookie when it is asked to", async () => {
  const scenario = createAuthScenario()
  const { email } = await scenario.newUser()
  const headers = { Origin: SITE }
  const signIn = await scenario.auth("sign-in?cookie=true", { email, password: PASSWORD }, { headers })
  const signUp = await scenario.auth("sign-up?cookie=true", { email: "c@example.com", password: PASSWORD }, { headers })
  for (const answer of [signIn, signUp]) {
    expect(setCookie(answer)?.value).toMatch(/^[\w-]{22}\.1\./)
    expect(answer.body).not.toHaveProperty("refreshToken")
  }
  const plain = await scenario.auth("sign-in?cookie=false", { email, password: PASSWORD }, { headers })
  expect(plain.headers.has("Set-Cookie")).toBe(false)
  expect(plain.body).toHaveProperty("refreshToken")
})

test("36: a refresh with the cookie rotates it, and never shows its token to the page", async () => {
  const scenario = createAuthScenario()
  const { cookie } = await signedInByCookie(scenario)
  const answer = await refresh(scenario, cookie)
  expect(answer).toMatchObject({ status: 200, body: { accessToken: expect.any(String) } })
  expect(answer.body).not.toHaveProperty("refreshToken")
  const next = setCookie(answer)!
  expect(next.value).toMatch(/^[\w-]{22}\.2\./)
  expect(next.attributes).toEqual(expect.arrayContaining(["HttpOnly", "Secure", "SameSite=Strict", "Path=/"]))
  expect(await refresh(scenario, `${NAME}=${next.value}`)).toMatchObject({ status: 200 })
})

test("36: with the cookie a missing, a foreign or a null Origin is refused, and nothing changes", async () => {
  const scenario = createAuthScenario()
  const { answer, cookie } = await signedInByCookie(scenario)
  const wrong = [{}, { Origin: "https://evil.example" }, { Origin: "null" }, { Origin: `${SITE}.evil.example` }]
  for (const headers of wrong) {
    for (const path of ["refresh", "sign-out"]) {
      const refused = await scenario.auth(path, undefined, { headers: { Cookie: cookie, ...headers } })
      expect(refused, JSON.stringify(headers)).toMatchObject({ status: 403, body: { code: "forbidden" } })
      expect(refused.headers.has("Set-Cookie")).toBe(false)
    }
  }
  expect(await refresh(scenario, cookie)).toMatchObject({ status: 200, body: { user: answer.body.user } })
})

test("36: another site can't make a browser take a cookie", async () => {
  const scenario = createAuthScenario()
  const { email } = await scenario.newUser()
  for (const headers of [{}, { Origin: "https://evil.example" }]) {
    for (const [path, body] of [
      ["anonymous", undefined],
      ["sign-in", { email, password: PASSWORD }],
    ] as const) {
      const answer = await scenario.auth(`${path}?cookie=true`, body, { headers: headers as Record<string, string> })
      expect(answer, path).toMatchObject({ status: 403, body: { code: "forbidden" } })
      expect(answer.headers.has("Set-Cookie")).toBe(false)
    }
  }
})

test("36: the API's own origin counts as listed", async () => {
  const scenario = createAuthScenario()
  const { cookie } = await signedInByCookie(scenario)
  expect(await refresh(scenario, cookie, { Origin: "https://edge.example" })).toMatchObject({ status: 200 })
})

test("36: sign-out with the cookie ends the session and clears the cookie", async () => {
  const scenario = createAuthScenario()
  const { cookie } = await signedInByCookie(scenario)
  const answer = await scenario.auth("sign-out", undefined, { headers: { Cookie: cookie, Origin: SITE } })
  expect(answer.status).toBe(204)
  expect(setCookie(answer)).toMatchObject({ value: "", attributes: expect.arrayContaining(["Max-Age=0", "Secure"]) })
  expect(await refresh(scenario, cookie)).toMatchObject({ status: 401 })
})

test("36: to end the own session from the list, or the account, clears the cookie too", async () => {
  const scenario = createAuthScenario()
  for (const path of ["/v1/auth/sessions/", "/v1/auth/user"]) {
    const { answer, cookie } = await signedInByCookie(scenario)
    const id = path.endsWith("/") ? cookie.split(/[=.]/)[1] : ""
    const ended = await scenario.call("DELETE", `${path}${id}`, {
      token: answer.body.accessToken,
      headers: { Cookie: cookie, Origin: SITE },
    })
    expect(ended.status, ended.text).toBe(204)
    expect(setCookie(ended)?.value).toBe("")
  }
})

test("36: the cookie alone opens nothing but refresh and sign-out", async () => {
  const scenario = createAuthScenario()
  const { cookie } = await signedInByCookie(scenario)
  const headers = { Cookie: cookie, Origin: SITE }
  for (const path of ["/v1/auth/user", "/v1/auth/sessions", "/v1/cart"])
    expect(await scenario.call("GET", path, { headers }), path).toMatchObject({ status: 401 })
})
