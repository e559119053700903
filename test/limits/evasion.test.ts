import { Hono } from "hono"
import { anyone, collection, defineBackend, limited, signedIn } from "selvedge"
import { expect, test } from "vitest"
import { createKey } from "../../src/auth/keys.ts"
import { createFaultyD1 } from "../fixture/faulty-d1.ts"
import { createScenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"

const SITE = "https://site.example"
const ID = "0199aaaa-0000-7000-8000-00000000ab01"

const backend = defineBackend({
  tables,
  collections: {
    teams: collection(tables.teams, {
      access: { read: anyone },
      search: ["name"],
      limit: { search: { class: "search" }, aggregate: { cost: 7 } },
    }),
    notes: collection(tables.notes, { access: { read: signedIn } }),
    members: collection(tables.members, {
      access: { read: anyone, create: anyone, update: anyone, delete: anyone },
      limit: { create: { class: "join", cost: 2 } },
    }),
  },
  limits: {
    default: { limit: 40, windowS: 20 },
    search: { limit: 2, windowS: 60 },
    export: { limit: 3, windowS: 60 },
    join: { limit: 6, windowS: 60 },
  },
  origins: [SITE],
  routes: (app) => {
    app.get("/v1/teams-export", limited({ class: "export" }), (c) => c.json({ ok: true }))
    app.get("/v1/teams.csv", limited({ class: "export" }), (c) => c.text("name"))
    const inner: typeof app = new Hono()
    inner.onError((_, c) => c.text("no", 418))
    inner.get("/export", limited({ class: "export" }), (c) => c.json({ ok: true }))
    app.route("/v1/inner", inner)
  },
})

const now = Date.UTC(2026, 10, 21, 12)
let addresses = 0

test("a parameter that is spelled otherwise costs the same", async () => {
  const { get } = visitor()
  expect((await get("/v1/teams?%71=a")).headers.get("RateLimit")).toBe('"search";r=1;t=30')
  expect((await get("/v1/teams?fields=id&%61ggregate=count")).headers.get("RateLimit")).toBe('"default";r=33;t=1')
})

test("a route whose path begins as a collection's does counts on its own class", async () => {
  for (const path of ["/v1/teams-export", "/v1/teams.csv"])
    expect((await visitor().get(path)).headers.get("RateLimit")).toBe('"export";r=2;t=20')
})

test("a browser may read every refusal, also that of a read which was under way", async () => {
  const { get } = visitor()
  const answers = await Promise.all(Array.from({ length: 50 }, () => get("/v1/teams?fields=id", { Origin: SITE })))
  const refusals = answers.filter(({ status }) => status === 429)
  expect(refusals).toHaveLength(10)
  for (const { headers } of answers) {
    expect(headers.get("Access-Control-Allow-Origin")).toBe(SITE)
    expect(headers.get("Access-Control-Expose-Headers")).toContain("RateLimit")
  }
  for (const { headers } of refusals) expect([headers.get("ETag"), headers.get("Age")]).toEqual([null, null])
})

test("a part of the application with errors of its own keeps its class", async () => {
  expect((await visitor().get("/v1/inner/export")).headers.get("RateLimit")).toBe('"export";r=2;t=20')
})

test("a batch spends what its operations would cost alone where their collection says so", async () => {
  const { send } = visitor()
  const join = { method: "POST", path: "/v1/members", body: {} }
  const others = [
    { method: "DELETE", path: `/v1/members/${ID}` },
    { method: "PUT", path: `/v1/members/${ID}`, headers: { "If-Match": '"1"' }, body: {} },
  ]
  const batch = async (...operations: object[]) => {
    const { status, headers } = await send("POST", "/v1/batch", { operations })
    return [status, headers.get("RateLimit")]
  }
  expect(await batch(...others)).toEqual([422, '"default";r=39;t=1'])
  expect(await batch(join, join)).toEqual([422, '"join";r=2;t=10'])
  expect(await batch(join, join)).toEqual([429, '"join";r=2;t=20'])
  expect(await batch(join)).toEqual([422, '"join";r=0;t=10'])
  expect(await batch(...Array.from({ length: 4 }, () => join))).toEqual([413, '"default";r=35;t=1'])
})

test("a PUT that may create costs what creating costs", async () => {
  const { send } = visitor()
  const put = async (headers = {}) => {
    const answer = await send("PUT", `/v1/members/${ID}`, {}, headers)
    return answer.headers.get("RateLimit")
  }
  expect(await put()).toBe('"join";r=4;t=10')
  expect(await put({ "If-Match": '"1"' })).toBe('"default";r=39;t=1')
})

test("the probe that asks the database and the feed is limited as any other request", async () => {
  const { get } = visitor()
  expect((await get("/health")).headers.get("RateLimit")).toBeNull()
  expect((await get("/health/ready")).headers.get("RateLimit")).toBe('"default";r=39;t=1')
})

test("keys that are made up cost the database nothing once their address is refused", async () => {
  const { get, faulty } = visitor()
  const guess = () => get("/v1/notes", { Authorization: `Bearer ${createKey("api").key}` })
  const guesses = await Promise.all(Array.from({ length: 41 }, guess))
  expect(guesses.filter(({ status }) => status === 401)).toHaveLength(40)
  faulty.asked = 0
  const late = await Promise.all(Array.from({ length: 20 }, guess))
  for (const { status, headers } of late) {
    expect([status, headers.get("RateLimit"), headers.get("Retry-After")]).toEqual([429, '"default";r=0;t=1', "1"])
  }
  expect(faulty.asked).toBe(0)
  expect((await get("/v1/teams?fields=id")).status).toBe(200)
})

function visitor() {
  const address = `198.51.100.${++addresses}`
  const faulty = createFaultyD1()
  const scenario = createScenario(backend, faulty.d1, () => now, { limited: true })
  const send = (method: string, path: string, body?: object, headers: Record<string, string> = {}) =>
    scenario.send(method, path, { ...(body && { body }), headers: { "CF-Connecting-IP": address, ...headers } })
  const get = (path: string, headers?: Record<string, string>) => send("GET", path, undefined, headers)
  return { faulty, send, get }
}
