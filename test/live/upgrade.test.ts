/** What `/v1/live` answers before there is a socket: API.md §4. */

import { expect, test } from "vitest"
import { connect, upgrade, worker } from "./client.ts"
import { call, newPerson } from "./people.ts"

const UPGRADE = { Upgrade: "websocket" }

test("a request that isn't an upgrade is 426, and says what the path takes", async () => {
  for (const method of ["GET", "HEAD"]) {
    const { status, headers, body } = await call(method, "/v1/live")
    expect([status, headers.get("Upgrade")]).toEqual([426, "websocket"])
    if (method === "GET") expect(body).toMatchObject({ status: 426, code: "upgrade_required", instance: "/v1/live" })
  }
  expect((await call("GET", "/v1/live", undefined, undefined, { Upgrade: "h2c" })).status).toBe(426)
})

test("other methods are 405", async () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    const { status, headers, body } = await call(method, "/v1/live")
    expect([status, body?.code, headers.get("Allow")]).toEqual([405, "method_not_allowed", "GET, HEAD, OPTIONS"])
  }
})

test("a token in the URL is 400, as is every parameter", async () => {
  const { token } = await newPerson()
  for (const query of [`?token=${token}`, "?access_token=", "?since=1"]) {
    const { status, body } = await call("GET", `/v1/live${query}`, undefined, undefined, UPGRADE)
    expect([status, body.code]).toEqual([400, "invalid_query"])
  }
})

test("a site that isn't listed may open no socket", async () => {
  for (const origin of ["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"]) {
    const response = await upgrade({ Origin: origin })
    expect([origin, response.status]).toEqual([origin, 403])
    expect(await response.json()).toMatchObject({ code: "forbidden" })
    expect(response.webSocket).toBeNull()
  }
})

test("a listed site may, and the API's own pages, and what is no browser", async () => {
  for (const headers of [{ Origin: "https://app.example" }, { Origin: "http://edge.example" }, {}])
    expect((await connect({ headers })).ready).toMatchObject({ type: "ready" })
})

test("the answer to an upgrade carries the common headers", async () => {
  const response = await upgrade({ Upgrade: "WebSocket", Origin: "https://app.example", "X-Request-Id": "live-1" })
  expect(response.status).toBe(101)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "access-control-allow-origin": "https://app.example",
    "cache-control": "private, no-store",
    "ratelimit-policy": expect.stringMatching(/^"/),
    "x-content-type-options": "nosniff",
    "x-request-id": "live-1",
  })
  response.webSocket!.accept()
  response.webSocket!.close()
})

test("the caller of an upgrade is checked, and forgotten: the socket begins as nobody's", async () => {
  const person = await newPerson()
  expect((await upgrade({ Authorization: "Bearer nonsense" })).status).toBe(401)
  const { ready } = await connect({ headers: { Authorization: `Bearer ${person.token}` } })
  expect(ready).not.toHaveProperty("userId")
})

test("an operator's token shows in the answer what it cost", async () => {
  const { token } = await newPerson({ roles: ["admin"] })
  const response = await upgrade({ Authorization: `Bearer ${token}` })
  expect([response.status, response.headers.get("Selvedge-Cost")]).toEqual([101, expect.stringContaining("trips=")])
  response.webSocket!.accept()
  response.webSocket!.close()
})

test("a preflight lets a page send Last-Event-ID", async () => {
  const { headers } = await worker.fetch("http://edge.example/v1/films", {
    method: "OPTIONS",
    headers: { Origin: "https://app.example", "Access-Control-Request-Method": "GET" },
  })
  expect(headers.get("Access-Control-Allow-Headers")).toContain("Last-Event-ID")
})
