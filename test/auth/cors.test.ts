/** What a browser lets the scripts of other sites do. */

import { expect, test } from "vitest"
import { createAuthScenario } from "./scenario.ts"

const LISTED = "http://localhost:8788"
const UNLISTED = [
  "https://evil.example",
  "null",
  "http://localhost:8789",
  "https://localhost:8788",
  `${LISTED}.evil.example`,
]

test("37: a listed origin is answered by name, with credentials, and never with a star", async () => {
  const scenario = createAuthScenario()
  const preflight = await scenario.call("OPTIONS", "/v1/auth/refresh", {
    headers: { Origin: LISTED, "Access-Control-Request-Method": "POST" },
  })
  const request = await scenario.auth("anonymous", undefined, { headers: { Origin: LISTED } })
  const refusal = await scenario.auth("refresh", { refreshToken: "x" }, { headers: { Origin: LISTED } })
  expect([preflight.status, request.status, refusal.status]).toEqual([204, 201, 401])
  for (const { headers } of [preflight, request, refusal]) {
    expect(headers.get("Access-Control-Allow-Origin")).toBe(LISTED)
    expect(headers.get("Access-Control-Allow-Credentials")).toBe("true")
    expect(headers.get("Vary")).toMatch(/\bOrigin\b/)
  }
})

test("37: any other origin gets neither its name nor credentials", async () => {
  const scenario = createAuthScenario()
  for (const origin of UNLISTED) {
    const answers = [
      await scenario.call("OPTIONS", "/v1/auth/refresh", {
        headers: { Origin: origin, "Access-Control-Request-Method": "POST" },
      }),
      await scenario.auth("anonymous", undefined, { headers: { Origin: origin } }),
      await scenario.call("GET", "/v1/films", { headers: { Origin: origin } }),
    ]
    for (const { headers } of answers) {
      expect(headers.has("Access-Control-Allow-Origin"), origin).toBe(false)
      expect(headers.has("Access-Control-Allow-Credentials"), origin).toBe(false)
      expect(headers.get("Vary")).toMatch(/\bOrigin\b/)
    }
  }
})

test("37: an answer without Origin varies by it too, and one with a token is stored nowhere", async () => {
  const scenario = createAuthScenario()
  const session = await scenario.auth("anonymous")
  const refreshed = await scenario.auth("refresh", { refreshToken: session.body.refreshToken })
  for (const { headers } of [session, refreshed]) {
    expect(headers.get("Vary")).toMatch(/\bOrigin\b/)
    expect(headers.get("Cache-Control")).toMatch(/\bno-store\b/)
  }
})
