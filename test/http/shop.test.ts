import { env } from "cloudflare:workers"
import { beforeAll, describe, expect, test } from "vitest"
import { backend } from "../../app/backend.ts"
import { type Client, createScenario } from "../fixture/scenario.ts"

const scenario = createScenario(backend, env.DB)
const USERS = ["0199aaaa-0000-7000-8000-000000000031", "0199bbbb-0000-7000-8000-000000000032"] as const

let ada: Client
let bob: Client
let staff: Client
let anonymous: Client

beforeAll(async () => {
  for (const id of USERS) {
    await env.DB.prepare("INSERT INTO _users (id, created_at, updated_at, version, email) VALUES (?1, 1, 1, 1, ?1)")
      .bind(id)
      .run()
  }
  ada = await scenario.as({ id: USERS[0], session: true })
  bob = await scenario.as({ id: USERS[1], session: true })
  staff = await scenario.as({ id: "0199cccc-0000-7000-8000-000000000033", roles: ["staff"] })
  anonymous = await scenario.as("anonymous")
})

async function newFilm(stock: number): Promise<string> {
  const answer = await staff.post("/v1/films", { body: { title: "Vertigo", priceCents: 1_000, stock, rating: 8.3 } })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.id
}

async function putIntoCart(client: Client, filmId: string, quantity: number): Promise<void> {
  expect((await client.post("/v1/cart", { body: { filmId, quantity } })).status).toBe(201)
}

const stockOf = async (id: string): Promise<number> => (await anonymous.get(`/v1/films/${id}`)).body.stock

describe("reviews", () => {
  test("a stranger's patch is forbidden, and on a review that staff has hidden finds nothing", async () => {
    const filmId = await newFilm(1)
    const review = await ada.post("/v1/reviews", { body: { filmId, stars: 4, body: "good" } })
    const path = `/v1/reviews/${review.body.id}`
    expect(review.body.authorId).toBe(USERS[0])
    expect((await bob.patch(path, { body: { stars: 1 } })).status).toBe(403)
    expect((await ada.patch(path, { body: { hidden: true } })).body.errors).toMatchObject([
      { pointer: "/hidden", code: "read_only" },
    ])
    expect((await staff.patch(path, { body: { hidden: true } })).status).toBe(200)
    expect((await bob.patch(path, { body: { stars: 1 } })).status).toBe(404)
    expect((await anonymous.get(path)).status).toBe(404)
    expect((await ada.get(path)).status).toBe(200)
  })

  test("a film has one review of an author, with one to five stars", async () => {
    const filmId = await newFilm(1)
    expect((await ada.post("/v1/reviews", { body: { filmId, stars: 6 } })).status).toBe(422)
    expect((await ada.post("/v1/reviews", { body: { filmId, stars: 5 } })).status).toBe(201)
    const again = await ada.post("/v1/reviews", { body: { filmId, stars: 5 } })
    expect(again.body.errors.map((error: { pointer: string }) => error.pointer)).toEqual(["/filmId", "/authorId"])
    expect((await staff.post("/v1/reviews", { body: { filmId: USERS[0], stars: 5 } })).body.code).toBe(
      "reference_not_found",
    )
  })
})

describe("checkout", () => {
  test("without a key 428, with an empty cart 422, anonymous 401", async () => {
    expect((await bob.post("/v1/checkout", { body: {} })).status).toBe(428)
    expect((await bob.post("/v1/checkout", { body: {}, headers: { "Idempotency-Key": "empty" } })).body.code).toBe(
      "cart_empty",
    )
    expect((await anonymous.post("/v1/checkout", { body: {} })).status).toBe(401)
    expect((await bob.get("/v1/checkout")).status).toBe(405)
  })

  test("ten clicks with one key make one order", async () => {
    const filmId = await newFilm(5)
    await putIntoCart(ada, filmId, 2)
    const click = () => ada.post("/v1/checkout", { body: {}, headers: { "Idempotency-Key": "clicks" } })
    const answers = await Promise.all(Array.from({ length: 10 }, click))
    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(201))
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1)
    expect(answers[0]!.body).toMatchObject({
      state: "pending",
      totalCents: 2_000,
      items: [{ filmId, quantity: 2, priceCents: 1_000 }],
    })
    expect(await stockOf(filmId)).toBe(3)
    expect((await ada.get("/v1/cart")).body.data).toEqual([])
    const stored = await ada.get(`/v1/orders/${answers[0]!.body.id}?expand=items`)
    expect(stored.body).toMatchObject({ userId: USERS[0], totalCents: 2_000, items: [{ filmId, quantity: 2 }] })
    expect((await bob.get(`/v1/orders/${answers[0]!.body.id}`)).status).toBe(404)
  })

  test("two buyers can't both have the last one, and the loser's cart stays", async () => {
    const filmId = await newFilm(1)
    await putIntoCart(ada, filmId, 1)
    await putIntoCart(bob, filmId, 1)
    const buy = (client: Client) =>
      client.post("/v1/checkout", { body: {}, headers: { "Idempotency-Key": "last one" } })
    const answers = await Promise.all([buy(ada), buy(bob)])
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 422])
    const loser = answers.findIndex((answer) => answer.status === 422)
    expect(answers[loser]!.body).toMatchObject({ code: "out_of_stock", errors: [{ pointer: `/items/${filmId}` }] })
    expect(await stockOf(filmId)).toBe(0)
    const client = [ada, bob][loser]!
    const left = (await client.get("/v1/cart")).body.data
    expect(left).toHaveLength(1)
    await client.delete(`/v1/cart/${left[0].id}`)
  })

  test("what isn't what the buyer was shown isn't bought, and what is may be named", async () => {
    const filmId = await newFilm(5)
    await putIntoCart(ada, filmId, 2)
    const seen = (await ada.get("/v1/cart?expand=film")).body.data[0].film.priceCents * 2
    const buy = (key: string, totalCents: unknown) =>
      ada.post("/v1/checkout", { body: { totalCents }, headers: { "Idempotency-Key": key } })
    expect(await buy("seen 1", seen - 1)).toMatchObject({ status: 422, body: { code: "cart_changed" } })
    expect(await buy("seen 2", -1)).toMatchObject({ body: { errors: [{ pointer: "/totalCents" }] } })
    expect(await stockOf(filmId)).toBe(5)
    expect(await buy("seen 3", seen)).toMatchObject({ status: 201, body: { totalCents: seen } })
  })

  test("an order can't be made past the checkout", async () => {
    expect((await ada.post("/v1/orders", { body: { totalCents: 0 } })).status).toBe(403)
    expect((await anonymous.get("/v1/orders")).status).toBe(401)
    expect((await anonymous.get("/v1/orderItems")).status).toBe(401)
  })
})

describe("browsers of other sites", () => {
  const preflight = {
    Origin: "http://localhost:8788",
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization,if-match",
  }

  test("a listed origin may call, read its headers, and send every method", async () => {
    const { headers } = await anonymous.get("/v1/films", { headers: { Origin: "http://localhost:8788" } })
    expect(headers.get("Access-Control-Allow-Origin")).toBe("http://localhost:8788")
    expect(headers.get("Access-Control-Expose-Headers")).toContain("Selvedge-Bookmark")
    expect(headers.get("Vary")).toBe("Origin, Authorization, Accept")
    const answer = await scenario.send("OPTIONS", "/v1/films/1", { headers: preflight })
    expect(answer.status).toBe(204)
    expect(answer.headers.get("Access-Control-Allow-Methods")).toContain("PATCH")
    expect(answer.headers.get("Access-Control-Allow-Headers")).toContain("If-Match")
  })

  test("another origin gets no leave, not even on an error", async () => {
    for (const path of ["/v1/films", "/v1/nothing"]) {
      const { headers } = await anonymous.get(path, { headers: { Origin: "https://evil.example" } })
      expect(headers.get("Access-Control-Allow-Origin")).toBeNull()
    }
    const refused = await anonymous.get("/v1/nothing", { headers: { Origin: "http://localhost:8788" } })
    expect(refused.headers.get("Access-Control-Allow-Origin")).toBe("http://localhost:8788")
    const bad = await scenario.send("GET", "/v1/films", {
      headers: { Origin: "http://localhost:8788", Authorization: "Bearer x" },
    })
    expect([bad.status, bad.headers.get("Access-Control-Allow-Origin")]).toEqual([401, "http://localhost:8788"])
  })

  test("the log tells of the origins that get no leave, since the browser tells their pages nothing", async () => {
    const loggedFor = async (Origin: string) => {
      await scenario.send("OPTIONS", "/v1/films", { headers: { ...preflight, Origin } })
      await anonymous.get("/v1/films", { headers: { Origin } })
      return scenario.logged.slice(-2).map(({ unlistedOrigin }) => unlistedOrigin)
    }
    const evil = "https://evil.example"
    expect(await loggedFor(evil)).toEqual([evil, evil])
    for (const own of ["http://localhost:8788", "https://edge.example"])
      expect(await loggedFor(own)).toEqual([undefined, undefined])
  })
})
