/** What kept answers say of themselves. */

import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import type { Answer, Client, Scenario } from "../fixture/scenario.ts"
import { ADA, backendWith, createSetting, type Setting } from "./setting.ts"

const LIST = "/v1/projects?sort=name"
let setting: Setting
let isolate: Scenario
let anonymous: Client

beforeEach(async () => {
  await env.FIXTURE.batch(["projects", "teams"].map((table) => env.FIXTURE.prepare(`DELETE FROM ${table}`)))
  setting = createSetting()
  isolate = setting.isolate()
  anonymous = await isolate.as("anonymous")
})

const told = ({ headers }: Answer, ...others: string[]) =>
  Object.fromEntries(["Cache-Control", "Cache-Status", "Age", ...others].map((name) => [name, headers.get(name)]))

test("browsers ask again each time, and are told how old the answer is", async () => {
  expect(told(await anonymous.get(LIST), "Vary")).toEqual({
    "Cache-Control": "public, max-age=0, must-revalidate",
    "Cache-Status": "selvedge; fwd=miss",
    Age: null,
    Vary: "Origin, Authorization, Accept",
  })
  setting.at += 12_345
  expect(told(await anonymous.get(LIST), "Vary", "X-Content-Type-Options")).toEqual({
    "Cache-Control": "public, max-age=0, must-revalidate",
    "Cache-Status": "selvedge; hit; ttl=47",
    Age: "12",
    Vary: "Origin, Authorization, Accept",
    "X-Content-Type-Options": "nosniff",
  })
})

test("a CDN keeps answers only where the collection says for how long", async () => {
  const cache = { shared: 30, staleWhileRevalidate: 20 }
  const client = await setting.isolate({ backend: backendWith({ cache }) }).as("anonymous")
  const header = "public, max-age=0, s-maxage=30, stale-while-revalidate=20, stale-if-error=0"
  for (let i = 0; i < 2; i++) expect((await client.get(LIST)).headers.get("Cache-Control")).toBe(header)
  expect((await client.get("/v1/notes")).headers.get("Cache-Control")).toBe("private, no-store")
})

test("304 is answered without the database, to GET and HEAD, for lists and records", async () => {
  const { body } = await anonymous.post("/v1/projects", { body: { name: "Blue" } })
  for (const path of [LIST, `/v1/projects/${body.id}`]) {
    const first = await anonymous.get(path)
    const tag = first.headers.get("ETag")!
    const { trips } = isolate.counted
    for (const method of ["get", "head"] as const) {
      const same = await anonymous[method](path, { headers: { "If-None-Match": tag } })
      expect([same.status, same.text, same.headers.get("ETag")]).toEqual([304, "", tag])
      expect(same.headers.get("Cache-Status")).toBe("selvedge; hit; ttl=60")
      expect(same.headers.get("Selvedge-Bookmark")).toBe(first.headers.get("Selvedge-Bookmark"))
      const other = await anonymous[method](path, { headers: { "If-None-Match": '"other"' } })
      expect([other.status, other.text]).toEqual([200, method === "get" ? first.text : ""])
    }
    expect(isolate.counted.trips).toBe(trips)
  }
  await anonymous.patch(`/v1/projects/${body.id}`, { body: { name: "Red" } })
  const changed = await anonymous.get(`/v1/projects/${body.id}`, { headers: { "If-None-Match": '"1"' } })
  expect([changed.status, changed.headers.get("ETag")]).toEqual([200, '"2"'])
})

test("a kept page leads to the next one, as the first answer did", async () => {
  for (const name of ["Blue", "Red"]) await anonymous.post("/v1/projects", { body: { name } })
  const first = await anonymous.get(`${LIST}&limit=1`)
  const kept = await anonymous.get(`${LIST}&limit=1`)
  expect(kept.headers.get("Link")).toBe(first.headers.get("Link"))
  const next = /<([^>]*)>; rel="next"/.exec(kept.headers.get("Link")!)![1]!
  expect((await anonymous.get(next)).body.data[0].name).toBe("Red")
})

test("another site's browser gets the bookmark of the answer that it is given", async () => {
  const client = await setting
    .isolate({ backend: backendWith({ cache: { staleWhileRevalidate: 60 } }) })
    .as("anonymous")
  const first = await client.get(LIST)
  setting.at += 61_000
  const stale = await client.get(LIST, { headers: { Origin: "https://elsewhere.example" } })
  expect(stale.headers.get("Cache-Status")).toBe("selvedge; hit; ttl=-1; detail=stale-while-revalidate")
  expect(stale.headers.get("Selvedge-Bookmark")).toBe(first.headers.get("Selvedge-Bookmark"))
})

test("ranges are not served, and bodies with characters of any kind come back as they were", async () => {
  const name = "\u00e9\u{1f600}\u2028\ufeff"
  await anonymous.post("/v1/projects", { body: { name } })
  for (let i = 0; i < 2; i++) await anonymous.get(LIST)
  await isolate.settled()
  const other = await setting.isolate().as("anonymous")
  const answer = await other.get(LIST, { headers: { Range: "bytes=0-1" } })
  expect([answer.status, answer.body.data[0].name]).toEqual([200, name])
  expect(answer.headers.get("Cache-Status")).toContain("hit")
})

const COST = ["Server-Timing", "Selvedge-Cost"]

test("what an answer cost is told to admins alone, and to everybody on a developer's machine", async () => {
  const has = ({ headers }: Answer) => COST.map((name) => headers.has(name))
  await anonymous.get(LIST)
  for (const caller of ["anonymous", "service", { id: ADA }, { id: ADA, roles: ["staff"] }] as const)
    expect(has(await (await isolate.as(caller as "anonymous")).get(LIST))).toEqual([false, false])
  expect(has(await (await isolate.as({ id: ADA, roles: ["admin"] })).get(LIST))).toEqual([true, true])
  const local = await setting.isolate({ isLocal: true }).as("anonymous")
  for (const path of [LIST, LIST, "/v1/projects?nothing=1", "/nowhere"])
    expect(has(await local.get(path))).toEqual([true, true])
})

test("the parts of the time add up, and the cost says what was asked of the platform", async () => {
  const local = await setting.isolate({ isLocal: true }).as("anonymous")
  const first = await local.get(LIST)
  const kept = await local.get(LIST)
  for (const { headers } of [first, kept]) {
    const times = [...headers.get("Server-Timing")!.matchAll(/(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [
      name,
      Number(ms),
    ])
    const { total, ...parts } = Object.fromEntries(times) as Record<string, number>
    expect(Object.keys(parts)).toEqual(["auth", "limit", "cache", "db"])
    // the limiter is asked beside the rest
    expect(parts.auth! + parts.cache! + parts.db!).toBeLessThanOrEqual(total! + 1)
    expect(parts.limit).toBeLessThanOrEqual(total! + 1)
  }
  const cost = (answer: Answer) =>
    Object.fromEntries(
      answer.headers
        .get("Selvedge-Cost")!
        .split(", ")
        .map((part) => part.split("=")),
    )
  expect(cost(first)).toMatchObject({ trips: "1", statements: "1", "kv-reads": "1", "kv-writes": "0" })
  expect(cost(kept)).toMatchObject({ trips: "0", statements: "0", "kv-reads": "0", "kv-writes": "1" })
})
