/** What each kind of request asks of the platform: the shop answers over HTTP, and bench/geo reads the counts. */

import { env } from "cloudflare:workers"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { backend } from "../../app/backend.ts"
import { cachePolicy } from "../../src/access/cache-policy.ts"
import { newId } from "../../src/tables.ts"
import { type Answer, type Client, createScenario, type Scenario } from "../fixture/scenario.ts"
import { type Trip, watchD1 } from "./watched-d1.ts"
import { watchKv } from "./watched-kv.ts"

const MEND = "A path has changed. When that is meant, write bench/geo/paths.json anew: npm run bench:paths"
const FILMS = 40
const PASSWORD = "a long enough passphrase"
const EMAIL = "ada@shop.example"
/** An answer that everybody may see. */
const LIST = "/v1/films?limit=20"
/** A caller with steady traffic asks twice a second, after some requests in which the limiter gets to know it. */
const STEADY = { first: 20, requests: 200, everyMs: 500 }
/** Longer than an isolate relies on the versions that it has read. */
const VERSIONS_AGE_MS = 1_001

let at = Date.now()
const trips: Trip[] = []
const kv = { reads: 0, keysRead: 0, writes: 0 }
const after = { feedWakes: 0, clockWakes: 0, queueMessages: 0 }
const films: string[] = []
/** The shop as an isolate serves it: one where nothing is kept, and one where answers about films are. */
const plain = openIsolate()
const keeping = openIsolate("films", "directors")
let anonymous: Client
let ada: Client
let session: { refreshToken: string; user: { id: string } }

beforeAll(async () => {
  vi.stubGlobal("fetch", async () => new Response(null, { status: 204 }))
  anonymous = await plain.as("anonymous")
  const staff = await keeping.as({ id: newId(), roles: ["staff"] })
  const director = (await staff.post("/v1/directors", { body: { name: "Alfred Hitchcock" } })).body.id
  for (let n = 0; n < FILMS; n++) {
    const body = {
      title: `Film ${n}`,
      priceCents: 1_000 + n,
      stock: 1_000,
      rating: (n % 10) + 0.5,
      directorId: director,
    }
    films.push((await staff.post("/v1/films", { body })).body.id)
  }
  session = (await keeping.send("POST", "/v1/auth/sign-up", { body: { email: EMAIL, password: PASSWORD } })).body
  ada = await keeping.as({ id: session.user.id, session: true })
  for (const filmId of films.slice(0, 20)) await ada.post("/v1/reviews", { body: { filmId, stars: 5 } })
  await keeping.settled()
})

afterAll(() => {
  vi.unstubAllGlobals()
})

test("each kind of request takes the path that the simulation and the costs reckon with", async () => {
  const film = `/v1/films/${films[0]}`
  const etag = (await anonymous.get(film)).headers.get("ETag")!
  const reads = {
    get: await path(plain, () => anonymous.get(film)),
    "get, not modified": await path(plain, () => anonymous.get(film, { headers: { "If-None-Match": etag } })),
    list: await path(plain, () => anonymous.get(LIST)),
    "list with relations": await path(plain, () => anonymous.get(`${LIST}&expand=director`)),
    "list, signed in": await path(plain, () => ada.get("/v1/reviews?limit=20")),
  }
  const kinds = { ...reads, ...(await kept()), ...(await writes()) }
  const counts = { written: "npm run bench:paths", limiter: await steadyCaller(), kinds }
  const text = JSON.stringify(counts, undefined, 2)
  await expect(`${text}\n`, MEND).toMatchFileSnapshot("../../bench/geo/paths.json")
})

/** How often a caller's requests ask its limiter, under the limit that every backend has. */
async function steadyCaller() {
  const isolate = createScenario(backend, env.DB, () => at, { limited: true })
  const caller = await isolate.as({ id: newId() })
  for (let n = 0; n < STEADY.first + STEADY.requests; n++) {
    at += STEADY.everyMs
    await accepted(caller.get(`/v1/films/${films[0]}`))
  }
  const lines = isolate.logged as { limiterCalls: number }[]
  const callsOf = (some: typeof lines) => some.reduce((sum, { limiterCalls }) => sum + limiterCalls, 0)
  return {
    firstRequests: STEADY.first,
    firstCalls: callsOf(lines.slice(0, STEADY.first)),
    requests: STEADY.requests,
    calls: callsOf(lines.slice(-STEADY.requests)),
  }
}

/** The same list, from ever farther away. */
async function kept() {
  const visitor = await keeping.as("anonymous")
  const missed = await path(keeping, (n) => visitor.get(`${LIST}&priceCents[gte]=${n}`))
  const read = () => visitor.get(LIST)
  await read()
  await read()
  const held = await path(keeping, read)
  const aged = await path(keeping, read, async () => {
    at += VERSIONS_AGE_MS
  })
  const other = openIsolate("films", "directors")
  const elsewhere = await other.as("anonymous")
  const fromKv = await count(other, () => elsewhere.get(LIST))
  return {
    "kept, in the isolate": held,
    "kept, versions read anew": aged,
    "kept, from KV": fromKv,
    "kept nowhere": missed,
  }
}

async function writes() {
  const spare = films.slice(20)
  const review = (stars: number) => ({ body: { filmId: spare.shift()!, stars } })
  const key = () => ({ headers: { "Idempotency-Key": crypto.randomUUID() } })
  const { id } = (await ada.post("/v1/reviews", review(3))).body
  const fillCart = async () => {
    for (const filmId of films.slice(0, 2)) await ada.post("/v1/cart", { body: { filmId, quantity: 1 } })
  }
  return {
    create: await path(keeping, (n) => ada.post("/v1/reviews", review(n))),
    "create, idempotent": await path(keeping, (n) => ada.post("/v1/reviews", { ...review(n), ...key() })),
    update: await path(keeping, (n) => ada.patch(`/v1/reviews/${id}`, { body: { stars: n } })),
    checkout: await path(keeping, () => ada.post("/v1/checkout", { body: {}, ...key() }), fillCart),
    "sign-in": await path(keeping, () =>
      keeping.send("POST", "/v1/auth/sign-in", { body: { email: EMAIL, password: PASSWORD } }),
    ),
    refresh: await path(keeping, async () => {
      const answer = await keeping.send("POST", "/v1/auth/refresh", { body: { refreshToken: session.refreshToken } })
      session = answer.body
      return answer
    }),
  }
}

/** Of a request that an isolate answers which has answered one of its kind before. */
async function path(isolate: Scenario, request: (n: number) => Promise<Answer>, before = async () => {}) {
  after.feedWakes = 0
  await before()
  await accepted(request(1))
  await settle(isolate)
  await before()
  await settle(isolate)
  return count(isolate, () => request(2))
}

async function count(isolate: Scenario, request: () => Promise<Answer>) {
  trips.length = 0
  Object.assign(kv, { reads: 0, keysRead: 0, writes: 0 })
  Object.assign(after, { feedWakes: 0, clockWakes: 0, queueMessages: 0 })
  const { feed } = isolate.work.background
  const cursors = await feed.status()
  const { status } = await accepted(request())
  const asked = trips.splice(0)
  const { keysRead } = kv
  const line = isolate.logged.findLast(({ event }) => event === "request") as Record<string, number>
  expect(line.trips, "trips in the log line").toBe(asked.length)
  await settle(isolate)
  const moved = (await feed.status()).filter(({ seq }, index) => seq !== cursors[index]!.seq)
  const { kvReads, kvWrites } = line
  return {
    status,
    trips: asked.map(({ to }) => to).join(", "),
    ...totals(asked),
    kvReads,
    kvKeysRead: keysRead,
    kvWrites,
    afterwards: {
      ...totals(trips),
      kvKeysRead: kv.keysRead - keysRead,
      kvWrites: kv.writes - kvWrites!,
      ...after,
      cursors: moved.length,
    },
  }
}

/** The versions of tables go into KV once a second. */
async function settle(isolate: Scenario): Promise<void> {
  if (after.feedWakes > 0) at += VERSIONS_AGE_MS
  await isolate.settled()
}

async function accepted(answer: Promise<Answer>): Promise<Answer> {
  const { status, text } = await answer
  expect(status, text).toBeLessThan(400)
  return answer
}

function totals(of: readonly Trip[]) {
  const sum = (counted: (trip: Trip) => number) => of.reduce((total, trip) => total + counted(trip), 0)
  return {
    statements: sum((trip) => trip.statements),
    rowsRead: sum((trip) => trip.rowsRead),
    rowsWritten: sum((trip) => trip.rowsWritten),
  }
}

function openIsolate(...kept: string[]): Scenario {
  const collections = new Map(
    [...backend.collections].map(([name, collection]) => [
      name,
      { ...collection, cache: kept.includes(name) ? cachePolicy(name, { maxAge: 60 }) : undefined },
    ]),
  )
  const variables = { SELVEDGE_LOCAL: "true", PAYMENTS_WEBHOOK_SECRET: `whsec_${btoa("a secret of the gateway")}` }
  const shop = { ...backend, collections } as typeof backend
  const scenario = createScenario(shop, watchD1(env.DB, trips), () => at, { variables, kv: watchKv(env.CACHE, kv) })
  watchWork(scenario)
  return scenario
}

/** Counts what is asked of the feed, the clock and the queue. */
function watchWork({ work: { background, messages } }: Scenario): void {
  const { feed, dispatch } = background
  const wakeFeed = feed.wake
  const wakeClock = dispatch.clock.wakeBy
  const push = messages.push.bind(messages)
  Object.assign(feed, {
    wake: () => {
      after.feedWakes++
      return wakeFeed()
    },
  })
  Object.assign(dispatch.clock, {
    wakeBy: (time: number) => {
      after.clockWakes++
      return wakeClock(time)
    },
  })
  messages.push = (...sent) => {
    after.queueMessages += sent.length
    return push(...sent)
  }
}
