/** Live lists where no WebSocket gets through: the same, as server-sent events. */

import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Person, type Shop, startShop } from "../node/live/shop.ts"
import { type Caller, Followed, Network, NoSocket, openCaller, until } from "./live-fixture.ts"

const SITE = "http://localhost:29997"
const callers: Caller[] = []
const networks: Network[] = []
let shop: Shop
let person: Person

beforeAll(async () => {
  shop = await startShop(SITE)
  person = await shop.signIn()
})

afterAll(async () => {
  for (const { connection } of callers) connection.close()
  for (const network of networks) network.close()
  await shop?.close()
})

describe.concurrent("where sockets are blocked", () => {
  test("a list comes as a stream, with every change once and in order over cuts, and a socket is gone back to", async () => {
    const { network, caller } = await open()
    network.blocksSockets = true
    const film = await shop.film("Three Ages")
    const list = new Followed(caller, "reviews", { filmId: film })
    await until(() => list.snapshots.length === 1)
    const review = await write(film)
    for (let step = 1; step <= 40; step++) {
      await person.call("PATCH", `v1/reviews/${review}`, { body: `${step} – ${"é".repeat(step)}` })
      if (step === 10) network.cut()
      if (step === 20) network.cutAfter(500)
    }
    await until(() => list.changes.length >= 41)
    expect(list.values("body").map((body) => Number.parseInt(String(body), 10))).toEqual(
      Array.from({ length: 41 }, (_, step) => step),
    )
    expect(list.snapshots).toHaveLength(1)
    expect(network.sockets.size).toBe(0)
    network.blocksSockets = false
    await caller.signIn()
    await until(() => network.sockets.size === 1 && list.snapshots.length === 2)
    await person.call("PATCH", `v1/reviews/${review}`, { body: "last" })
    await until(() => list.values("body").includes("last"))
    expect(list.changes).toHaveLength(42)
    expect(list.problems).toEqual([])
  })

  test("a stream is read in whatever pieces it comes", async () => {
    const { caller } = await open({
      fetch: async (...request) => inPieces(await fetch(...request)),
      webSocket: NoSocket,
    })
    const film = await shop.film("Battling Butler")
    const list = new Followed(caller, "reviews", { filmId: film })
    await until(() => list.snapshots.length === 1)
    const review = await write(film)
    const body = "data: \n\nid: é 🎬 \u2028event: change\u2029\r\r"
    await person.call("PATCH", `v1/reviews/${review}`, { body })
    await until(() => list.changes.length === 2)
    expect(list.values("body")).toEqual(["0", body])
  })

  test("a stream is the user's, and a list that may not be read, or isn't live, is refused", async () => {
    const { caller } = await open({ webSocket: NoSocket })
    const [cart, directors] = [new Followed(caller, "cart", {}), new Followed(caller, "directors", {})]
    await until(() => cart.problems.length + directors.problems.length === 2)
    expect(cart.problems[0]).toMatchObject({ code: "unauthenticated" })
    expect(directors.problems[0]).toMatchObject({ code: "not_found" })
    await caller.signIn()
    await until(() => cart.snapshots.length === 1)
    expect(cart.forgotten).toBe(1)
  })

  test("a stream whose token has ended goes on with another one", async () => {
    const { caller } = await open({ webSocket: NoSocket })
    await caller.signIn()
    const { credentials } = caller.http
    let renewed = 0
    caller.http.credentials = {
      token: async () => "no.such.token",
      renew: async () => {
        renewed++
        return credentials.token()
      },
    }
    const list = new Followed(caller, "cart", {})
    await until(() => list.snapshots.length === 1)
    expect(renewed).toBe(1)
    expect(list.problems).toEqual([])
  })

  test("streams end with what they were for", async () => {
    const { network, caller } = await open({ webSocket: NoSocket })
    const list = new Followed(caller, "films", { limit: 1 })
    await until(() => list.snapshots.length === 1)
    expect(network.streams.size).toBe(1)
    list.subscription.end()
    await until(() => network.streams.size === 0, 5_000)
  })
})

/** A few bytes at a time, amid letters. */
function inPieces(response: Response): Response {
  const pieces = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      for (let at = 0; at < bytes.length; at += 3) controller.enqueue(bytes.slice(at, at + 3))
    },
  })
  return new Response(response.body?.pipeThrough(pieces) ?? null, response)
}

async function open(options: Parameters<typeof openCaller>[1] = {}): Promise<{ network: Network; caller: Caller }> {
  const network = await Network.to(Number(new URL(shop.url).port))
  const caller = openCaller(network.url, options)
  networks.push(network)
  callers.push(caller)
  return { network, caller }
}

/** @returns The id of a review whose body is "0". */
async function write(film: string): Promise<string> {
  return (await person.call("POST", "v1/reviews", { filmId: film, stars: 1, body: "0" })).id
}
