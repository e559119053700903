import { beforeEach, describe, expect, test } from "vitest"
import { type Client, createHubs, type Hubs } from "./hub-choice.ts"

const CLIENT: Client = { region: "weur", address: "192.0.2.1" }

/** What a hub does when it is asked: takes the socket, is full, or throws. */
type Hub = "free" | "full" | "broken"

let asked: { name: string; hint: string | undefined; request: Request }[]
let hubs: Record<string, Hub | Hub[]>
let others: Hub
let now: number
let toss: number
let logged: Record<string, unknown>[]

beforeEach(() => {
  asked = []
  hubs = {}
  others = "free"
  now = 1_000_000
  toss = 0
  logged = []
})

function open(): Hubs {
  const namespace = {
    getByName: (name: string, options?: { locationHint?: string }) => ({
      async fetch(request: Request) {
        asked.push({ name, hint: options?.locationHint, request })
        const state = hubs[name]
        const hub = (Array.isArray(state) ? state.shift() : state) ?? others
        if (hub === "broken") throw new Error("reset")
        return hub === "free"
          ? new Response(null, { status: 101, webSocket: new WebSocketPair()[0] })
          : new Response(null, { status: 503 })
      },
    }),
  }
  return createHubs({ namespace, now: () => now, random: () => toss, log: (line) => logged.push(line) })
}

const names = () => asked.splice(0).map(({ name }) => name)

describe("a client", () => {
  test("gets its socket at the root of its region, near it", async () => {
    const answer = await open().open(CLIENT)
    expect(answer.status).toBe(101)
    expect(answer.webSocket).toBeInstanceOf(WebSocket)
    const [{ name, hint, request }] = asked as [(typeof asked)[0]]
    expect([name, hint, request.url]).toEqual(["weur:0", "weur", "https://hub/live"])
    expect([...request.headers]).toEqual([
      ["upgrade", "websocket"],
      ["x-selvedge-address", "192.0.2.1"],
    ])
  })

  test("says that it is a stream", async () => {
    await open().open({ ...CLIENT, isStream: true })
    expect(asked[0]!.request.headers.get("X-Selvedge-Stream")).toBe("1")
  })

  test("from nowhere comes to a hub without a hint", async () => {
    await open().open({ ...CLIENT, region: "local" })
    expect(asked.map(({ name, hint }) => [name, hint])).toEqual([["local:0", undefined]])
  })
})

describe("a full hub", () => {
  test("sends to one of its two children, by chance", async () => {
    hubs = { "weur:0": "full", "weur:1": "full", "weur:2": "full" }
    await open().open(CLIENT)
    expect(names()).toEqual(["weur:0", "weur:1", "weur:3"])
    toss = 0.99
    await open().open(CLIENT)
    expect(names()).toEqual(["weur:0", "weur:2", "weur:6"])
  })

  test("is passed over for a minute, and then has its chance again", async () => {
    const { open: connect } = open()
    hubs = { "weur:0": "full" }
    await connect(CLIENT)
    expect(names()).toEqual(["weur:0", "weur:1"])
    hubs = {}
    now += 59_999
    await connect(CLIENT)
    expect(names()).toEqual(["weur:1"])
    now += 1
    await connect(CLIENT)
    expect(names()).toEqual(["weur:0"])
  })

  test("has its chance again after a minute, although hubs below it keep filling up", async () => {
    const { open: connect } = open()
    hubs = { "weur:0": "full" }
    await connect(CLIENT)
    hubs = { "weur:1": "full" }
    now += 59_999
    await connect(CLIENT)
    expect(names()).toEqual(["weur:0", "weur:1", "weur:1", "weur:3"])
    now += 1
    await connect(CLIENT)
    expect(names()).toEqual(["weur:0"])
  })

  test("of one region says nothing of others", async () => {
    const { open: connect } = open()
    hubs = { "weur:0": "full" }
    await connect(CLIENT)
    await connect({ ...CLIENT, region: "apac" })
    expect(names()).toEqual(["weur:0", "weur:1", "apac:0"])
  })

  test("is one of twenty at most: then the client is sent away, and told when to come again", async () => {
    others = "full"
    const { open: connect } = open()
    const refusal = await connect(CLIENT).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: "overloaded", headers: { "Retry-After": expect.stringMatching(/^\d+$/) } })
    expect(names()).toHaveLength(20)
    others = "free"
    await connect(CLIENT)
    expect(names()).toEqual(["weur:0"])
  })
})

describe("a hub that fails", () => {
  test("is asked once more", async () => {
    hubs = { "weur:0": ["broken", "free"] }
    await open().open(CLIENT)
    expect(names()).toEqual(["weur:0", "weur:0"])
    expect(logged).toEqual([])
  })

  test("again is left out, and in the log", async () => {
    hubs = { "weur:0": "broken" }
    await open().open(CLIENT)
    expect(names()).toEqual(["weur:0", "weur:0", "weur:1"])
    expect(logged).toMatchObject([{ level: "error", event: "hub_not_reached", hub: "weur:0" }])
  })
})
