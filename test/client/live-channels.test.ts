/** Channels over networks that fail: messages once and in order, who is there, and what becomes of a publish. */

import { execFile } from "node:child_process"
import { setTimeout as wait } from "node:timers/promises"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type ChannelRoom, type ChannelState, type Client, createClient } from "../../src/client.ts"
import { type Shop, startShop } from "../node/live/shop.ts"
import { faultySockets, Network, until } from "./live-fixture.ts"

const SITE = "http://localhost:29996"
const clients: Client[] = []
const networks: Network[] = []
let shop: Shop

beforeAll(async () => {
  shop = await startShop(SITE)
})

afterAll(async () => {
  for (const client of clients) client.close()
  for (const network of networks) network.close()
  await shop?.close()
})

describe.concurrent("a channel", () => {
  test("shows who is there and what is said, to those who join later as well", async () => {
    const [{ client: ada }, { client: ben }] = [await open(), await open()]
    await Promise.all([ada, ben].map((client) => client.auth.signInAnonymously()))
    const hers = ada.channel("room:first", { presence: { seat: "A1" } })
    const { seq } = await hers.publish("message", { text: "Hello" })
    const his = ben.channel("room:first", { presence: { seat: "B2" } })
    await until(() => his.get().status === "joined" && hers.get().members.length === 2)
    expect(his.get().members.map(({ data }) => data)).toEqual([{ seat: "A1" }, { seat: "B2" }])
    expect(his.get().messages).toMatchObject([{ seq, event: "message", data: { text: "Hello" } }])
    hers.present({ seat: "C3" })
    await until(() => seats(his).includes("C3"))
    hers.leave()
    hers.leave()
    await until(() => seats(his).join() === "B2")
    await expect(hers.publish("message", { text: "Bye" })).rejects.toMatchObject({ code: "not_found" })
  })

  test("that needs a sign-in is joined by itself once somebody signs in, and forgets for the next", async () => {
    const { client } = await open()
    const room = client.channel("room:second", { presence: {} })
    await until(() => room.get().status === "failed")
    expect(room.get().problem).toMatchObject({ code: "unauthenticated" })
    await expect(room.publish("message", { text: "?" })).rejects.toMatchObject({ code: "unauthenticated" })
    await client.auth.signInAnonymously()
    await room.publish("message", { text: "I am in" })
    await until(() => room.get().messages.length === 1)
    const states = statesOf(room)
    await client.auth.signOut()
    await until(() => room.get().status === "failed")
    expect(room.get()).toMatchObject({ messages: [], members: [], problem: { code: "unauthenticated" } })
    expect(states.some(({ status, messages }) => status === "joining" && messages.length === 0)).toBe(true)
  })

  test("goes on over a drop: each message once, and its members don't flicker", async () => {
    const [{ client: ada, network }, { client: ben }] = [await open(), await open()]
    await Promise.all([ada, ben].map((client) => client.auth.signInAnonymously()))
    const hers = ada.channel("room:third", { presence: { seat: "A1" } })
    const his = ben.channel("room:third", { presence: { seat: "B2" } })
    await until(() => [hers, his].every((room) => room.get().members.length === 2))
    const states = statesOf(hers)
    const texts = ["one", "two", "three", "four"]
    await his.publish("message", { text: texts[0] })
    await until(() => hers.get().messages.length === 1)
    network.cut()
    for (const text of texts.slice(1)) await his.publish("message", { text })
    const mine = hers.publish("message", { text: "five" })
    await until(() => hers.get().messages.length === 5)
    await mine
    await until(() => his.get().messages.length === 5 && his.get().members.length === 2)
    await wait(1_000)
    expect(hers.get().messages.map(({ data }) => (data as { text: string }).text)).toEqual([...texts, "five"])
    expect(hers.get().messages).toEqual(his.get().messages)
    expect(states.every(({ members }) => members.some(({ data }) => (data as { seat: string }).seat === "B2"))).toBe(
      true,
    )
    expect(hers.get()).toMatchObject({ status: "joined", members: { length: 2 } })
  })

  test("refuses a publish with its problem, and says when nobody knows what became of one", async () => {
    const sockets = faultySockets()
    const { client } = await open(sockets.webSocket)
    await client.auth.signInAnonymously()
    const room = client.channel("room:fourth")
    await expect(room.publish("message", { text: "" })).rejects.toMatchObject({
      code: "validation_failed",
      errors: [{ pointer: "/data/text" }],
    })
    await expect(room.publish("message", { text: "x".repeat(70_000) })).rejects.toMatchObject({
      code: "payload_too_large",
    })
    const lost = room.publish("message", { text: "Hello?" })
    await until(() => sockets.sent("publish").some(({ data }) => data.text === "Hello?"))
    sockets.close(1006)
    await expect(lost).rejects.toMatchObject({ code: "unreachable", message: expect.stringContaining("may have been") })
    await room.publish("message", { text: "Again" })
  })

  test("refuses what is published too fast, before the server ends the connection for it", async () => {
    const { client, network } = await open()
    await client.auth.signInAnonymously()
    const room = client.channel("room:fast")
    const published = Array.from({ length: 120 }, (_, at) => room.publish("message", { text: String(at) }))
    const ends = await Promise.allSettled(published)
    const refused = ends.filter(({ status }) => status === "rejected")
    expect(refused.length).toBeGreaterThan(20)
    expect(refused[0]).toMatchObject({ reason: { code: "rate_limited" } })
    await until(() => room.get().messages.length === 120 - refused.length)
    expect(network.upgrades).toBeLessThan(3) // signed in while it was connecting, it may have begun twice
  })

  test("is offline after a while, and a publish doesn't wait for ever", async () => {
    const { client, network } = await open()
    await client.auth.signInAnonymously()
    const room = client.channel("room:fifth")
    await until(() => room.get().status === "joined")
    network.refuses = true
    network.cut()
    await until(() => network.sockets.size === 0)
    await wait(100)
    const since = Date.now()
    await expect(room.publish("message", { text: "Hello?" })).rejects.toMatchObject({ code: "unreachable" })
    expect(Date.now() - since).toBeLessThan(15_000)
    expect(room.get().status).toBe("offline")
  })

  test("says that it needs a WebSocket where none gets through, and is joined when one does", async () => {
    const { client, network } = await open()
    network.blocksSockets = true
    await client.auth.signInAnonymously()
    const room = client.channel("room:sixth")
    await until(() => room.get().status === "failed")
    expect(room.get().problem).toMatchObject({ code: "unreachable", message: expect.stringContaining("WebSocket") })
    network.blocksSockets = false
    await client.auth.signOut()
    await client.auth.signInAnonymously()
    await until(() => room.get().status === "joined")
  })

  test("lets a program end that has closed its client", async () => {
    const program = `
      import { createClient } from ${JSON.stringify(new URL("../../src/client.ts", import.meta.url).href)}
      const client = createClient(${JSON.stringify(shop.url)})
      client.channel("room:last")
      const stop = client.films.live({ limit: 1 }, (films, { status }) => {
        if (status === "live") setTimeout(() => client.close(), 100)
      })`
    const since = Date.now()
    await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { timeout: 20_000 })
    expect(Date.now() - since).toBeLessThan(12_000)
  })
})

function seats(room: ChannelRoom): string[] {
  return room.get().members.map(({ data }) => (data as { seat: string }).seat)
}

/** Those that it has from now on. */
function statesOf(room: ChannelRoom): ChannelState[] {
  const states: ChannelState[] = []
  room.subscribe(() => states.push(room.get()))
  return states
}

async function open(webSocket?: typeof WebSocket): Promise<{ client: Client; network: Network }> {
  const network = await Network.to(Number(new URL(shop.url).port))
  const client: Client = createClient(network.url, { storage: "memory", ...(webSocket && { webSocket }) })
  networks.push(network)
  clients.push(client)
  return { client, network }
}
