/** Live lists over networks that fail: nothing is lost, nothing comes twice, and it is all in order. */

import { setTimeout as wait } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Person, type Shop, startShop } from "../node/live/shop.ts"
import { type Caller, Followed, faultySockets, Network, openCaller, until } from "./live-fixture.ts"

const SITE = "http://localhost:29998"
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

describe.concurrent("a live list", () => {
  test("comes over one socket with all others, which closes after the last", async () => {
    const { network, caller } = await open()
    const [one, other] = [new Followed(caller, "films", { limit: 1 }), new Followed(caller, "directors", {})]
    const film = await shop.film("Our Hospitality")
    const third = new Followed(caller, "films", { id: film })
    await until(() => one.snapshots.length + third.snapshots.length + other.problems.length === 3)
    expect(third.snapshots[0]).toMatchObject({ data: [{ id: film }], sort: "-rating,title,id" })
    expect(other.problems[0]).toMatchObject({ code: "not_found" })
    expect(network.upgrades).toBe(1)
    one.subscription.end()
    other.subscription.end()
    await wait(4_000)
    expect(network.sockets.size).toBe(1)
    third.subscription.end()
    await until(() => network.sockets.size === 0, 6_000)
  })

  test("has every change once and in order, however often the network is cut, also amid a frame", async () => {
    const { network, caller } = await open()
    const film = await shop.film("Sherlock Jr.")
    const list = new Followed(caller, "reviews", { filmId: film })
    await until(() => list.snapshots.length === 1)
    const review = await write(film)
    let step = 0
    for (const fault of [() => network.cut(), () => network.cutAfter(300), () => network.cut()]) {
      const { upgrades } = network
      fault()
      for (const last = step + 15; step < last; )
        await person.call("PATCH", `v1/reviews/${review}`, { body: `${++step}` })
      await until(() => network.upgrades > upgrades)
    }
    await until(() => list.changes.length > step)
    expect(list.values("body")).toEqual(Array.from({ length: step + 1 }, (_, body) => String(body)))
    expect(list.snapshots).toHaveLength(1)
    expect(list.problems).toEqual([])
  })

  test("says nothing of a drop that is over soon, and that it is offline of one that isn't", async () => {
    const sockets = faultySockets()
    const { network, caller } = await open(sockets)
    const list = new Followed(caller, "films", { id: await shop.film("The Paleface") })
    await until(() => list.snapshots.length === 1)
    sockets.tell({ type: "ready", retry: 50 })
    network.cut()
    await until(() => network.upgrades === 2)
    await wait(3_000)
    expect(list.connected).toEqual([true])
    network.refuses = true
    network.cut()
    await until(() => list.connected.length === 2)
    network.refuses = false
    await until(() => list.connected.length === 3)
    expect(list.connected).toEqual([true, false, true])
    expect(list.told).toHaveLength(1)
  })

  test("finds out by unanswered pings that a connection is dead, and goes on over another one", async () => {
    const { network, caller } = await open()
    const film = await shop.film("Seven Chances")
    const list = new Followed(caller, "reviews", { filmId: film })
    await until(() => list.snapshots.length === 1)
    network.freeze()
    await write(film)
    await until(() => list.connected.includes(false))
    expect(list.changes).toEqual([])
    network.thaw()
    await until(() => list.changes.length === 1)
    expect(list.snapshots).toHaveLength(1)
  })

  test.for([1006, 1012, 4400, 4403, 4408])("goes on after its socket was closed with %i", async (code) => {
    const sockets = faultySockets()
    const { caller } = await open(sockets)
    const film = await shop.film("The Cameraman")
    const list = new Followed(caller, "reviews", { filmId: film })
    await until(() => list.snapshots.length === 1)
    sockets.close(code)
    await write(film)
    await until(() => list.changes.length === 1)
    expect(list.snapshots).toHaveLength(1)
    expect(sockets.opened).toHaveLength(2)
  })

  test("stays away for longer where it was too much", async () => {
    const sockets = faultySockets()
    const { caller } = await open(sockets)
    const list = new Followed(caller, "films", { limit: 1 })
    await until(() => list.snapshots.length === 1)
    const since = Date.now()
    sockets.close(4429)
    await until(() => sockets.opened.length === 2)
    expect(Date.now() - since).toBeGreaterThan(7_000)
  })

  test("asks anew, and what still comes of the list before is passed over", async () => {
    const sockets = faultySockets()
    const { caller } = await open(sockets)
    const [film, other] = [await shop.film("Go West"), await shop.film("Steamboat Bill, Jr.")]
    const list = new Followed(caller, "reviews", { filmId: film })
    await until(() => list.snapshots.length === 1)
    list.subscription.ask({ filmId: other })
    const [{ id }] = sockets.sent("query")
    sockets.tell({ type: "change", id, op: "removed", recordId: "one" })
    expect(sockets.sent("leave")).toEqual([{ type: "leave", id }])
    await until(() => list.snapshots.length === 2)
    const recordId = await write(other)
    await until(() => list.changes.length === 1)
    expect(list.changes[0]).toMatchObject({ op: "added", recordId })
  })

  test("that is refused for a while is asked again after that", async () => {
    const sockets = faultySockets()
    const { caller } = await open(sockets)
    const list = new Followed(caller, "films", { limit: 1 })
    await until(() => list.snapshots.length === 1)
    const { id } = sockets.sent("query")[0]
    const problem = { code: "overloaded", status: 503, title: "", detail: "Later.", retryAfter: 1 }
    sockets.tell({ type: "problem", id, problem })
    expect(list.problems[0]).toMatchObject({ code: "overloaded", retryAfter: 1 })
    await until(() => list.snapshots.length === 2)
    expect(sockets.opened).toHaveLength(1)
  })

  test("beyond what a socket may hold is refused, and ends no other", async () => {
    const { network, caller } = await open()
    const lists = Array.from({ length: 101 }, () => new Followed(caller, "films", { limit: 1, title: "none" }))
    await until(() => lists.every(({ told, problems }) => told.length + problems.length === 1))
    expect(lists[100]!.problems[0]).toMatchObject({ code: "rate_limited" })
    lists[0]!.subscription.end()
    const next = new Followed(caller, "films", { limit: 1 })
    await until(() => next.snapshots.length === 1)
    expect(network.upgrades).toBe(1)
  })

  test("that is too long to be sent is refused, and ends no other", async () => {
    const { network, caller } = await open()
    const long = new Followed(caller, "films", { title: "x".repeat(70_000) })
    const other = new Followed(caller, "films", { limit: 1 })
    await until(() => other.snapshots.length === 1)
    expect(long.problems[0]).toMatchObject({ code: "payload_too_large" })
    expect(network.upgrades).toBe(1)
  })

  test("makes reads see at least what it has told", async () => {
    const { caller } = await open()
    const list = new Followed(caller, "films", { limit: 1 })
    await until(() => list.snapshots.length === 1)
    expect(caller.http.bookmark).toBe(list.snapshots[0]!.bookmark)
  })
})

describe.concurrent("whose a live list is", () => {
  test("changes with the user: what was the other's is forgotten, and all is asked anew", async () => {
    const { network, caller } = await open()
    const list = new Followed(caller, "cart", {})
    await until(() => list.problems.length === 1)
    expect(list.problems[0]).toMatchObject({ code: "unauthenticated" })
    await caller.signIn()
    await until(() => list.snapshots.length === 1)
    const film = await shop.film("Speedy")
    await caller.http.send({ method: "POST", path: "/v1/cart", body: { filmId: film, quantity: 1 }, key: "one" })
    await until(() => list.changes.length === 1)
    await caller.signIn()
    await until(() => list.snapshots.length === 2)
    expect(list.snapshots[1]!.data).toEqual([])
    expect(list.forgotten).toBe(2)
    expect(network.upgrades).toBe(3)
  })

  test("a token that is refused is renewed", async () => {
    const { caller } = await open()
    await caller.signIn()
    const { credentials } = caller.http
    const asked: string[] = []
    caller.http.credentials = {
      token: async () => "no.such.token",
      renew: async (refused) => {
        asked.push(refused)
        caller.http.credentials = credentials
        return credentials.token()
      },
    }
    const list = new Followed(caller, "cart", {})
    await until(() => list.snapshots.length === 1)
    expect(asked).toEqual(["no.such.token"])
  })

  test("a token that is renewed is told before the old one ends, on the same socket", async () => {
    const sockets = faultySockets()
    const { caller } = await open(sockets)
    await caller.signIn()
    const list = new Followed(caller, "cart", {})
    await until(() => list.snapshots.length === 1)
    const first = await caller.http.credentials.token()
    const second = await caller.http.credentials.renew(first!)
    await until(() => sockets.sent("auth").length === 2)
    expect(sockets.sent("auth").map(({ token }) => token)).toEqual([first, second])
    await wait(500)
    expect(sockets.opened).toHaveLength(1)
    expect(list.problems).toEqual([])
  })

  test("whose session is ended elsewhere is refused", async () => {
    const { caller } = await open()
    await caller.signIn()
    const list = new Followed(caller, "cart", {})
    await until(() => list.snapshots.length === 1)
    const { http } = caller
    const { body } = await http.send({ method: "GET", path: "/v1/auth/sessions" })
    const [{ id }] = (body as { data: [{ id: string }] }).data
    await http.send({ method: "DELETE", path: `/v1/auth/sessions/${id}` })
    await until(() => list.problems.length === 1)
    expect(list.problems[0]).toMatchObject({ code: "unauthenticated" })
    expect(list.forgotten).toBe(1)
    expect(caller.session.user.get()).toBeNull()
  })
})

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
