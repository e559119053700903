import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { eventually } from "../../test/eventually.ts"
import { wait } from "../core/wait.ts"
import { eventsOf } from "./events.ts"

const decoder = new TextDecoder()

/** Both ends: what the reader gets, and the hub, which this test plays. */
let reader: ReadableStreamDefaultReader<Uint8Array>
let hub: WebSocket
let heard: string[]
let closed: Promise<{ code: number }>

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] })
  const { 0: client, 1: server } = new WebSocketPair()
  hub = server
  heard = []
  closed = new Promise((resolve) => hub.addEventListener("close", resolve))
  hub.addEventListener("message", ({ data }) => {
    heard.push(String(data))
    if (data === "ping") hub.send("pong")
  })
  hub.accept()
  reader = eventsOf(client, [{ type: "query", id: "stream" }]).getReader()
})

afterEach(async () => {
  vi.useRealTimers()
  await reader.cancel().catch(() => {})
})

async function next(): Promise<string | undefined> {
  const { value } = await reader.read()
  return value && decoder.decode(value)
}

const say = (...messages: object[]) => hub.send(JSON.stringify(messages.length === 1 ? messages[0] : messages))
const change = (seq: string, recordId = "a") => ({ type: "change", id: "stream", seq, op: "removed", recordId })

describe("what a hub says", () => {
  test("is events, after the time to wait before coming again", async () => {
    say({ type: "ready", connection: "c", retry: 1_500 })
    expect(await next()).toBe("retry: 1500\n\n")
    say({ type: "snapshot", id: "stream", seq: "e.1.t", data: [{ text: "two\nlines" }] })
    expect(await next()).toBe(
      'event: snapshot\ndata: {"type":"snapshot","id":"stream","seq":"e.1.t","data":[{"text":"two\\nlines"}]}\nid: e.1.t\n\n',
    )
    expect(heard).toEqual(['{"type":"query","id":"stream"}'])
  })

  test("has its id at the last of those that share one", async () => {
    say(change("1"), change("2", "a"), change("2", "b"), change("3"))
    const ids = (await next())!.split("\n\n").map((event) => /^id: (.*)$/m.exec(event)?.[1])
    expect(ids).toEqual(["1", undefined, "2", "3", undefined])
  })

  test("ends with a problem", async () => {
    say({ type: "problem", id: "stream", problem: { code: "invalid_query" } })
    expect(await next()).toMatch(/^event: problem\ndata: {.*"invalid_query".*}\n\n$/)
    expect(await next()).toBeUndefined()
    expect((await closed).code).toBe(1000)
  })

  test("ends when the hub closes the socket", async () => {
    hub.close(4401, "revoked")
    expect(await next()).toBeUndefined()
  })
})

test("where nothing happens, the hub hears a ping every 10 seconds, and the reader a comment every 15", async () => {
  for (let i = 0; i < 2; i++) {
    vi.advanceTimersByTime(15_000)
    expect(await next()).toBe(": ping\n\n")
  }
  await eventually(() => expect(heard).toEqual([expect.any(String), "ping", "ping", "ping"]))
  say(change("1"))
  expect(await next()).toMatch(/^event: change/)
  hub.close(1012, "restart")
  expect(await next()).toBeUndefined()
  expect(vi.getTimerCount()).toBe(0)
})

test("a reader that leaves closes the hub's socket", async () => {
  await reader.cancel()
  expect((await closed).code).toBe(1000)
})

test("a reader that leaves much unread gets no more than that, and the hub loses its socket", async () => {
  const text = "x".repeat(300 * 1024)
  for (let i = 0; i < 4; i++) say({ ...change(`${i}`), text })
  await eventually(() => expect(heard).toHaveLength(1))
  say(change("4"))
  expect((await closed).code).toBe(4408)
  for (let i = 0; i < 4; i++) expect(await next()).toContain(`id: ${i}\n`)
  expect(await next()).toBeUndefined()
})

test("a reader that takes nothing for 15 seconds loses the hub's socket, one that is only slow doesn't", async () => {
  for (const seq of ["1", "2", "3", "4"]) say(change(seq))
  await wait(50)
  for (const seq of ["1", "2", "3"]) {
    expect(await next()).toContain(`id: ${seq}\n`)
    vi.advanceTimersByTime(15_000)
  }
  await wait(50)
  expect(hub.readyState).toBe(WebSocket.OPEN)
  vi.advanceTimersByTime(15_000)
  expect((await closed).code).toBe(4408)
})

test("a message of any length reaches whoever reads", async () => {
  for (let i = 0; i < 3; i++) {
    say({ ...change(`${i}`), text: "x".repeat(2 * 1024 * 1024) })
    expect(await next()).toContain(`id: ${i}\n`)
  }
})
