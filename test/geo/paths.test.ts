/** What each kind of request asks of the platform: the shop answers over HTTP, and bench/geo reads the counts. */

import { env } from "cloudflare:workers"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { backend } from "../../app/backend.ts"
import { newId } from "../../src/tables.ts"
import { type Answer, type Client, createScenario } from "../fixture/scenario.ts"
import { type Trip, watchD1 } from "./watched-d1.ts"

const MEND = "A path has changed. When that is meant, write bench/geo/paths.json anew: npm run bench:paths"
const FILMS = 40
const PASSWORD = "a long enough passphrase"
const EMAIL = "ada@shop.example"

const trips: Trip[] = []
const scenario = createScenario(backend, watchD1(env.DB, trips), Date.now, {
  variables: { SELVEDGE_LOCAL: "true", PAYMENTS_WEBHOOK_SECRET: `whsec_${btoa("a secret of the payment gateway")}` },
})
const after = { feedWakes: 0, clockWakes: 0, queueMessages: 0 }
const films: string[] = []
let anonymous: Client
let ada: Client
let session: { refreshToken: string; user: { id: string } }

beforeAll(async () => {
  vi.stubGlobal("fetch", async () => new Response(null, { status: 204 }))
  watchWork()
  anonymous = await scenario.as("anonymous")
  const staff = await scenario.as({ id: newId(), roles: ["staff"] })
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
  session = (await scenario.send("POST", "/v1/auth/sign-up", { body: { email: EMAIL, password: PASSWORD } })).body
  ada = await scenario.as({ id: session.user.id, session: true })
  for (const filmId of films.slice(0, 20)) await ada.post("/v1/reviews", { body: { filmId, stars: 5 } })
  await scenario.settled()
})

afterAll(() => {
  vi.unstubAllGlobals()
})

test("each kind of request takes the path that the simulation and the costs reckon with", async () => {
  const spare = films.slice(20)
  const nextFilm = () => spare.shift()!
  const fillCart = async () => {
    for (const filmId of films.slice(0, 2)) await ada.post("/v1/cart", { body: { filmId, quantity: 1 } })
  }
  const review = (await ada.post("/v1/reviews", { body: { filmId: nextFilm(), stars: 3 } })).body.id
  const etag = (await anonymous.get(`/v1/films/${films[0]}`)).headers.get("ETag")!
  const key = () => ({ "Idempotency-Key": crypto.randomUUID() })
  const kinds = {
    get: await path(() => anonymous.get(`/v1/films/${films[0]}`)),
    "get, not modified": await path(() =>
      anonymous.get(`/v1/films/${films[0]}`, { headers: { "If-None-Match": etag } }),
    ),
    list: await path(() => anonymous.get("/v1/films?limit=20")),
    "list with relations": await path(() => anonymous.get("/v1/films?limit=20&expand=director")),
    "list, signed in": await path(() => ada.get("/v1/reviews?limit=20")),
    create: await path(() => ada.post("/v1/reviews", { body: { filmId: nextFilm(), stars: 4 } })),
    "create, idempotent": await path(() =>
      ada.post("/v1/reviews", { body: { filmId: nextFilm(), stars: 4 }, headers: key() }),
    ),
    update: await path((n) => ada.patch(`/v1/reviews/${review}`, { body: { stars: n } })),
    checkout: await path(() => ada.post("/v1/checkout", { body: {}, headers: key() }), fillCart),
    "sign-in": await path(() =>
      scenario.send("POST", "/v1/auth/sign-in", { body: { email: EMAIL, password: PASSWORD } }),
    ),
    refresh: await path(async () => {
      const { refreshToken } = session
      const answer = await scenario.send("POST", "/v1/auth/refresh", { body: { refreshToken } })
      session = answer.body
      return answer
    }),
  }
  const text = `${JSON.stringify({ written: "npm run bench:paths", kinds }, undefined, 2)}\n`
  await expect(text, MEND).toMatchFileSnapshot("../../bench/geo/paths.json")
})

/** Of a request that an isolate answers which has answered one of its kind before. */
async function path(request: (n: number) => Promise<Answer>, before = async () => {}) {
  await before()
  const first = await request(1)
  expect(first.status, first.text).toBeLessThan(400)
  await scenario.settled()
  await before()
  await scenario.settled()
  trips.length = 0
  Object.assign(after, { feedWakes: 0, clockWakes: 0, queueMessages: 0 })
  const { status, text } = await request(2)
  expect(status, text).toBeLessThan(400)
  const asked = trips.splice(0)
  const line = scenario.logged.findLast(({ event }) => event === "request")!
  expect(line.trips, "trips in the log line").toBe(asked.length)
  await scenario.settled()
  return {
    status,
    trips: asked.map(({ to }) => to).join(", "),
    ...totals(asked),
    limiterCalls: line.limiterCalls,
    kvReads: line.kvReads,
    kvWrites: line.kvWrites,
    afterwards: { ...totals(trips), ...after },
  }
}

function totals(of: readonly Trip[]) {
  const sum = (count: (trip: Trip) => number) => of.reduce((total, trip) => total + count(trip), 0)
  return {
    statements: sum((trip) => trip.statements),
    rowsRead: sum((trip) => trip.rowsRead),
    rowsWritten: sum((trip) => trip.rowsWritten),
  }
}

/** Counts what is asked of the feed, the clock and the queue. */
function watchWork(): void {
  const { background, messages } = scenario.work
  const wakeFeed = background.feed.wake
  const wakeClock = background.dispatch.clock.wakeBy
  const push = messages.push.bind(messages)
  Object.assign(background.feed, {
    wake: () => {
      after.feedWakes++
      return wakeFeed()
    },
  })
  Object.assign(background.dispatch.clock, {
    wakeBy: (at: number) => {
      after.clockWakes++
      return wakeClock(at)
    },
  })
  messages.push = (...sent) => {
    after.queueMessages += sent.length
    return push(...sent)
  }
}
