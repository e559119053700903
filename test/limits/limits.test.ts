import { env } from "cloudflare:workers"
import { anyone, collection, defineBackend, endpoint, limited, signedIn } from "selvedge"
import { beforeAll, expect, test } from "vitest"
import { backend as shop } from "../../app/backend.ts"
import { createKey } from "../../src/auth/keys.ts"
import { compileLimits } from "../../src/limits/charges.ts"
import type { RatesOptions } from "../../src/limits/rates.ts"
import { type Answer, createScenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"

const START = Date.UTC(2026, 10, 21, 12)
const ADA = "0199aaaa-0000-7000-8000-0000000000a1"

const backend = defineBackend({
  tables,
  collections: {
    teams: collection(tables.teams, {
      access: { read: anyone, create: anyone },
      sorts: ["name"],
      search: ["name"],
      limit: { list: { cost: 5 }, search: { class: "search" }, create: { class: "rare", cost: 2 } },
    }),
    notes: collection(tables.notes, { access: { read: anyone, create: anyone } }),
  },
  limits: {
    default: { limit: 40, windowS: 20 },
    write: { limit: 10, windowS: 10, burst: 3 },
    search: { limit: 2, windowS: 60 },
    rare: { limit: 4, windowS: 60, whenDown: "refuse" },
    wide: { limit: 1_000, windowS: 10 },
  },
  routes: (app) => {
    app.get("/v1/wide", limited({ class: "wide" }), (c) => c.json({ ok: true }))
    app.get("/v1/dear", limited({ cost: 8 }), (c) => c.json({ ok: true }))
    const answer = { status: 200, description: "Yes" } as const
    const rare = { summary: "Rare", access: anyone, answer, limit: { class: "rare" } }
    app.get("/v1/rare", endpoint({ ...rare, access: signedIn }), (c) => c.json({ ok: true }))
    app.post("/v1/rare", endpoint(rare), (c) => c.json({ ok: onRun("POST") }))
    app.get("/v1/slow", limited({ class: "wide" }), (c) => c.json({ ok: onRun("GET") }))
    app.get("/v1/immutable", async () => Response.redirect("https://edge.example/there"))
  },
})

/** Called by the routes. */
let onRun: (method: string) => void = () => {}

let now = START
let addresses = 0

beforeAll(async () => {
  await env.FIXTURE.prepare(
    "INSERT INTO _users (id, created_at, updated_at, version, email, name) VALUES (?, 1, 1, 1, ?, 'Ada') ON CONFLICT DO NOTHING",
  )
    .bind(ADA, "ada-limits@example.com")
    .run()
})

test("of many parallel requests exactly as many pass as the limit allows, and the rest says when to come again", async () => {
  const client = visitor()
  const answers = await parallel(70, () => client.get("/v1/notes?fields=id"))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(40)
  for (const answer of answers.filter(({ status }) => status !== 200)) {
    expect(answer.status).toBe(429)
    expect(answer.body).toMatchObject({
      type: "https://selvedge.dev/problems/rate-limited",
      code: "rate_limited",
      detail: "Too many requests: try again in a second.",
      instance: "/v1/notes",
    })
    expect(answer.headers.get("Retry-After")).toBe("1")
    expect(answer.headers.get("RateLimit")).toBe('"default";r=0;t=1')
  }
})

test("one after the other, r counts down to 0, then comes the refusal, and after its time the next request passes", async () => {
  const client = visitor()
  for (let left = 39; left >= 0; left--) {
    const answer = await client.get("/v1/notes?fields=id")
    expect(answer.status).toBe(200)
    expect(answer.headers.get("RateLimit-Policy")).toBe('"default";q=40;w=20')
    expect(answer.headers.get("RateLimit")).toBe(`"default";r=${left};t=1`)
  }
  const refused = await client.get("/v1/notes")
  expect(refused.status).toBe(429)
  now += 1000 * Number(refused.headers.get("Retry-After"))
  for (const status of [200, 200, 429]) expect((await client.get("/v1/notes?fields=id")).status).toBe(status)
})

test("every answer carries the headers, refusals of all kinds and 304 as well", async () => {
  const client = visitor()
  const list = await client.get("/v1/notes?fields=id")
  const etag = list.headers.get("ETag")!
  const answers = {
    200: list,
    304: await client.get("/v1/notes?fields=id", { "If-None-Match": etag }),
    302: await client.get("/v1/immutable"),
    400: await client.get("/v1/notes?nothing=1"),
    404: await client.get("/v1/nothing"),
    405: await client.send("PATCH", "/v1/notes"),
    401: await client.get("/v1/rare"),
  }
  for (const [status, answer] of Object.entries(answers)) {
    expect([status, answer.status]).toEqual([status, Number(status)])
    expect(answer.headers.get("RateLimit-Policy")).toMatch(/^"\w+";q=\d+;w=\d+(;selvedge-burst=3)?$/)
    expect(answer.headers.get("RateLimit")).toMatch(/^"\w+";r=\d+;t=\d+$/)
  }
  const writes = answers[405].headers
  expect(writes.get("RateLimit-Policy")).toBe('"write";q=10;w=10;selvedge-burst=3')
  expect(writes.get("RateLimit")).toBe('"write";r=2;t=1')
})

test("a burst is what may come at once; the limit drains evenly", async () => {
  const client = visitor()
  const write = () => client.send("POST", "/v1/batch", { operations: [] })
  const statuses = async (count: number) => (await parallel(count, write)).map(({ status }) => status)
  expect((await statuses(5)).filter((status) => status === 429)).toHaveLength(2)
  now += 1000
  expect((await statuses(2)).filter((status) => status === 429)).toHaveLength(1)
})

test("collections and routes have classes and costs of their own, which don't touch", async () => {
  const client = visitor()
  const left = async (path: string) => (await client.get(path)).headers.get("RateLimit")
  expect(await left("/v1/notes?fields=id")).toBe('"default";r=39;t=1')
  expect(await left("/v1/teams?fields=id")).toBe('"default";r=34;t=1')
  expect(await left("/v1/teams?aggregate=count")).toBe('"default";r=29;t=1')
  expect(await left("/v1/teams/0199aaaa-0000-7000-8000-000000000001")).toBe('"default";r=28;t=1')
  expect(await left("/v1/teams?q=a&fields=id")).toBe('"search";r=1;t=30')
  expect(await left("/v1/dear")).toBe('"default";r=20;t=1')
  expect(await left("/v1/wide")).toBe('"wide";r=999;t=1')
  expect(await left("/v1/rare")).toBe('"rare";r=3;t=15')
  const created = await client.send("POST", "/v1/teams", { name: "Blue" })
  expect(created.headers.get("RateLimit")).toBe('"rare";r=1;t=15')
  expect((await client.send("POST", "/v1/teams", { name: "Red" })).status).toBe(429)
  expect((await client.send("POST", "/v1/rare")).status).toBe(200)
})

test("a request that costs more than is left waits for all of it, and a cheaper one still passes", async () => {
  const client = visitor()
  for (let i = 0; i < 4; i++) await client.get("/v1/dear")
  expect((await client.get("/v1/dear")).headers.get("RateLimit")).toBe('"default";r=0;t=1')
  now += 2_000
  const refused = await client.get("/v1/dear")
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "2"])
  expect(refused.headers.get("RateLimit")).toBe('"default";r=4;t=2')
  expect((await client.get("/v1/notes?fields=id")).headers.get("RateLimit")).toBe('"default";r=3;t=1')
})

test("a refused caller is refused from memory until its time", async () => {
  const { scenario, client } = world()
  await parallel(40, () => client.get("/v1/notes?fields=id"))
  await client.get("/v1/notes?fields=id")
  const calls = () => callsOf(scenario)
  const before = calls()
  now += 400
  for (let i = 0; i < 20; i++) expect((await client.get("/v1/notes?fields=id")).status).toBe(429)
  expect(calls()).toBe(before)
  now += 100
  expect((await client.get("/v1/notes?fields=id")).status).toBe(200)
  expect(calls()).toBe(before + 1)
})

test("a steady caller under half its limit needs a call for at most one request in ten", async () => {
  const { scenario, client } = world()
  for (let i = 0; i < 200; i++) {
    now += 25
    expect((await client.get("/v1/wide")).status).toBe(200)
  }
  expect(callsOf(scenario)).toBeLessThanOrEqual(20)
})

test("two isolates share a limit exactly", async () => {
  const one = world()
  const other = world({ address: one.address })
  const answers = await parallel(70, (index) => [one, other][index % 2]!.client.get("/v1/notes?fields=id"))
  const passed = answers.filter(({ status }) => status === 200).length
  expect(passed).toBeLessThanOrEqual(40)
  expect(passed).toBeGreaterThanOrEqual(40 - 2)
})

test("callers are counted by user and by API key, wherever they come from; others by address", async () => {
  const { scenario, client } = world()
  const left = (answer: Answer) => Number(/r=(\d+)/.exec(answer.headers.get("RateLimit")!)![1])
  const ada = await scenario.as({ id: ADA })
  const anonymous = await scenario.as("anonymous")
  const from = (address?: string) => ({ headers: address === undefined ? {} : { "CF-Connecting-IP": address } })
  expect(left(await ada.get("/v1/wide", from("198.51.100.1")))).toBe(999)
  expect(left(await ada.get("/v1/wide", from("198.51.100.2")))).toBe(998)
  const { key, hash, prefix } = createKey("api")
  await env.FIXTURE.prepare(
    "INSERT INTO _keys (id, hash, prefix, kind, user_id, name, scopes, created_at) VALUES (?, ?, ?, 'api', ?, 'k', '[\"notes:read\"]', 1)",
  )
    .bind(`k-${addresses}`, hash, prefix, ADA)
    .run()
  const withKey = () => scenario.send("GET", "/v1/notes?fields=id", { headers: { Authorization: `Bearer ${key}` } })
  expect(left(await withKey())).toBe(39)
  expect(left(await withKey())).toBe(38)
  expect(left(await ada.get("/v1/notes?fields=id"))).toBe(39)
  expect(left(await client.get("/v1/wide"))).toBe(999)
  const net = `2001:db8:${(addresses++).toString(16)}:1`
  expect(left(await anonymous.get("/v1/wide", from(`${net}::1`)))).toBe(999)
  expect(left(await anonymous.get("/v1/wide", from(`${net}:ffff::2`)))).toBe(998)
  expect(left(await anonymous.get("/v1/wide", from()))).toBeLessThan(1000)
  const forwarded = { headers: { "X-Forwarded-For": "198.51.100.77", "CF-Connecting-IP": `${net}::3` } }
  expect(left(await anonymous.get("/v1/wide", forwarded))).toBe(997)
})

test("the service, preflights and health checks are not limited", async () => {
  const { scenario } = world()
  const service = await scenario.as("service")
  const answers = [
    await service.get("/v1/notes?fields=id"),
    await scenario.send("GET", "/health"),
    await scenario.send("OPTIONS", "/v1/notes", {
      headers: { Origin: "https://site.example", "Access-Control-Request-Method": "GET" },
    }),
  ]
  for (const { status, headers } of answers) {
    expect(status).toBeLessThan(300)
    expect(headers.get("RateLimit")).toBeNull()
    expect(headers.get("RateLimit-Policy")).toBeNull()
  }
})

test("who guesses tokens is counted by address, and in the end refused", async () => {
  const { client } = world()
  const guess = () => client.get("/v1/notes", { Authorization: "Bearer guessed" })
  const first = await guess()
  expect([first.status, first.headers.get("RateLimit")]).toEqual([401, '"default";r=39;t=1'])
  expect(first.headers.get("WWW-Authenticate")).toMatch(/^Bearer/)
  const answers = await parallel(60, guess)
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(39)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(21)
})

test("the limiter is asked while a read runs, and before a write", async () => {
  const order: string[] = []
  const ran = Promise.withResolvers<void>()
  onRun = (what) => {
    order.push(what)
    ran.resolve()
  }
  const { client } = world({
    limiters: watched(async (name) => {
      if (name.includes(":wide:")) await ran.promise
      order.push("limiter")
    }),
  })
  const read = await client.get("/v1/slow")
  expect([read.status, read.headers.get("RateLimit")]).toEqual([200, '"wide";r=999;t=1'])
  expect((await client.send("POST", "/v1/rare")).headers.get("RateLimit")).toBe('"rare";r=3;t=15')
  expect(order).toEqual(["GET", "limiter", "limiter", "POST"])
})

test.each([
  ["can't be reached", broken()],
  ["doesn't answer within a second", watched(() => scheduler.wait(5_000))],
])("while the limiter %s, the class says whether requests pass, and the log says it", async (_, limiters) => {
  const { scenario, client } = world({ limiters })
  const passed = await client.get("/v1/notes?fields=id")
  expect(passed.status).toBe(200)
  expect(passed.headers.get("RateLimit-Policy")).toBe('"default";q=40;w=20')
  expect(passed.headers.get("RateLimit")).toBeNull()
  const refused = await client.send("POST", "/v1/rare")
  expect(refused.body).toMatchObject({ status: 503, code: "overloaded" })
  expect(refused.headers.get("Retry-After")).toBe("1")
  const lines = scenario.logged.filter(({ event }) => event === "limiter_not_reached")
  expect(lines.map((line) => [line.level, line.class])).toEqual([
    ["error", "default"],
    ["error", "rare"],
  ])
  const calls = callsOf(scenario)
  expect((await client.get("/v1/notes?fields=id")).status).toBe(200)
  expect(callsOf(scenario)).toBe(calls)
})

test("sign-in has the class auth where it is declared, and refusals by the rules there count as well", async () => {
  const limits = compileLimits({ auth: { limit: 120, windowS: 60 } }, shop.collections)
  const scenario = createScenario({ ...shop, limits }, env.DB, () => now, { limited: true })
  const call = (path: string) =>
    scenario.send("POST", path, { headers: { "CF-Connecting-IP": "203.0.113.9", "Content-Type": "application/json" } })
  expect((await call("/v1/auth/sign-in")).headers.get("RateLimit-Policy")).toBe('"auth";q=120;w=60')
  expect((await call("/v1/auth/sign-in")).headers.get("RateLimit")).toBe('"auth";r=118;t=1')
  expect((await call("/v1/films")).headers.get("RateLimit")).toBe('"default";r=599;t=1')
})

test("limits that say something wrong are refused when they are defined", () => {
  const define =
    (limits: object, limit: object = {}) =>
    () =>
      defineBackend({
        tables,
        limits: limits as never,
        collections: { notes: collection(tables.notes, { access: {}, limit }) },
      })
  expect(define({ default: { limit: 0, windowS: 60 } })).toThrow("limits.default.limit: 0 is no whole number")
  expect(define({ default: { limit: 1, windowS: 0.5 } })).toThrow("limits.default.windowS")
  expect(define({ "not so": { limit: 1, windowS: 1 } })).toThrow("limits.not so: the name")
  expect(define({ own: { limit: 1, windowS: 1, whenDown: "maybe" } })).toThrow("limits.own.whenDown")
  expect(define({}, { list: { class: "unknown" } })).toThrow(
    "notes.limit.list: there is no class unknown; declare it in limits, or use default",
  )
  expect(define({}, { list: { cost: 601 } })).toThrow("notes.limit.list: the cost 601")
  expect(define({}, { read: {} })).toThrow("notes.limit.read: there is no such action")
  const routed = defineBackend({
    tables,
    collections: {},
    routes: (app) => app.get("/v1/own", limited({ class: "nothing" }), (c) => c.text("")),
  })
  expect(() => createScenario(routed, env.FIXTURE)).toThrow("GET /v1/own: there is no class nothing")
  const dear = defineBackend({
    tables,
    collections: {},
    limits: { default: { limit: 5, windowS: 1 }, write: { limit: 50, windowS: 1 } },
    routes: (app) => app.all("/v1/own", limited({ cost: 20 }), (c) => c.text("")),
  })
  expect(() => createScenario(dear, env.FIXTURE, Date.now, { limited: true })).toThrow("ALL /v1/own: the cost 20")
})

interface World {
  address?: string
  limiters?: RatesOptions["namespace"]
}

function world({ address = `192.0.2.${++addresses}`, limiters }: World = {}) {
  const scenario = createScenario(backend, env.FIXTURE, () => now, { limited: true, ...(limiters && { limiters }) })
  const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    scenario.send(method, path, {
      ...(body !== undefined && { body }),
      headers: { "CF-Connecting-IP": address, ...headers },
    })
  const get = (path: string, headers?: Record<string, string>) => send("GET", path, undefined, headers)
  return { scenario, address, client: { send, get } }
}

function visitor() {
  return world().client
}

function callsOf({ logged }: { logged: readonly Record<string, unknown>[] }): number {
  return logged.reduce((sum, { limiterCalls = 0 }) => sum + (limiterCalls as number), 0)
}

/** The real limiters, after something else. */
function watched(before: (name: string) => Promise<void>): RatesOptions["namespace"] {
  return {
    getByName: (name) => ({
      async spend(...asked) {
        await before(name)
        return env.LIMITER.getByName(name).spend(...asked)
      },
    }),
  }
}

function broken(): RatesOptions["namespace"] {
  return { getByName: () => ({ spend: () => Promise.reject(new Error("away")) }) }
}

function parallel<T>(count: number, run: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => run(index)))
}
