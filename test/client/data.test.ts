/** Reads and writes of the client: what is sent when, and what becomes of it. */

import { setTimeout as wait } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { newRecordId } from "../../src/client/record-id.ts"
import { type Client, type ClientOptions, createClient, isProblem } from "../../src/client.ts"
import { type App, startApp } from "./lists-fixture.ts"

interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Headers
  readonly status: number
}

let app: App
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app?.stop())
afterEach(() => goOnline())

test("what is written while there is no network waits, and goes out in its order", async () => {
  const { client, sent } = open()
  goOffline()
  const [one, two] = [client.papers!.create({ title: "one" }), client.papers!.create({ title: "two" })]
  await wait(1_000)
  expect(sent).toEqual([])
  expect(client.status.get()).toEqual({ pending: 2, isOnline: false })
  goOnline()
  expect((await one).id < (await two).id).toBe(true)
  expect(client.status.get()).toEqual({ pending: 0, isOnline: true })
  expect(sent.map(({ status }) => status)).toEqual([201, 201])
})

test("what a browser gives to no page that came over plain HTTP isn't needed to sign in and to write", async () => {
  const { randomUUID } = crypto
  Object.assign(crypto, { randomUUID: undefined })
  try {
    const { client } = open()
    const account = { email: `${Date.now()}@example.com`, password: "a long enough one" }
    expect(await client.auth.signUp(account)).toMatchObject({ user: { email: account.email } })
    expect(await client.papers!.create({ title: "one" })).toMatchObject({ title: "one" })
    expect(await client.batch((to) => [to.papers!.create({ title: "two" })])).toMatchObject([{ title: "two" }])
  } finally {
    Object.assign(crypto, { randomUUID })
  }
})

test("what a list is refused with can be caught like that of any promise", async () => {
  const { client } = open()
  const code = (error: unknown) => isProblem(error) && error.code
  expect(await client.papers!.list({ sort: "nothing" }).catch(code)).toBe("invalid_query")
  expect(await client.papers!.search("two", { limit: 1 }).catch(code)).toMatchObject({ data: [{ title: "two" }] })
})

test("a write is sent as it was when it was made", async () => {
  const { client } = open()
  goOffline()
  const values = { title: "before", rank: 1 }
  const writing = client.papers!.create(values)
  values.title = "after"
  goOnline()
  expect(await writing).toMatchObject({ title: "before" })
})

test("what is aborted before it is sent never is, and what follows goes out", async () => {
  const { client, sent } = open()
  goOffline()
  const [first, second] = [new AbortController(), new AbortController()]
  const one = client.papers!.create({ title: "one" }, first)
  const two = client.papers!.create({ title: "two" }, second)
  const three = client.papers!.create({ title: "three" })
  second.abort(new Error("not two"))
  await expect(two).rejects.toThrow("not two")
  first.abort(new Error("not one"))
  await expect(one).rejects.toThrow("not one")
  await expect(client.papers!.create({ title: "four" }, first)).rejects.toThrow("not one")
  goOnline()
  expect(await three).toMatchObject({ title: "three" })
  expect(sent).toHaveLength(1)
})

test("own writes move the version on for those that follow, and somebody else's don't", async () => {
  const { client } = open()
  const other = open().client
  const paper = await client.papers!.create({ title: "one" })
  const writes = [1, 2, 3].map((rank) => client.papers!.update(paper, { rank }))
  expect((await Promise.all(writes)).map(({ version }) => version)).toEqual([2, 3, 4])
  await other.papers!.update(paper.id, { rank: 9 })
  await expect(client.papers!.update(paper, { rank: 10 })).rejects.toMatchObject({ code: "precondition_failed" })
  const created = client.papers!.create({ id: newRecordId(), title: "two" })
  const unanswered = { id: (await created).id, version: 0 }
  expect(await client.papers!.update(unanswered, { rank: 1 })).toMatchObject({ version: 2 })
  const [, twice] = await client.batch((to) => [
    to.papers!.update(unanswered, { rank: 2 }),
    to.papers!.update(unanswered, { rank: 3 }),
  ])
  expect(twice).toMatchObject({ rank: 3, version: 4 })
})

test("writes of who signs out are refused, and never sent as somebody else", async () => {
  const { client, sent } = open()
  await client.auth.signUp({ email: "ada@example.com", password: "a long enough passphrase" })
  goOffline()
  const writes = [client.papers!.create({ title: "Ada's" }), client.papers!.create({ title: "Ada's too" })]
  const refused = Promise.all(writes.map((write) => expect(write).rejects.toMatchObject({ code: "unauthenticated" })))
  const before = sent.length
  await client.auth.signUp({ email: "bob@example.com", password: "a long enough passphrase" })
  goOnline()
  await refused
  expect(sent.slice(before).map(({ path }) => path)).not.toContain("/v1/papers")
})

test("an answer is kept for whom it was for", async () => {
  const { client, sent } = open()
  const paper = await client.papers!.create({ title: "one" })
  const get = async () => {
    await client.papers!.get(paper.id)
    return sent.at(-1)!.status
  }
  expect([await get(), await get()]).toEqual([200, 304])
  await client.auth.signUp({ email: "cy@example.com", password: "a long enough passphrase" })
  expect([await get(), await get()]).toEqual([200, 304])
})

test("a list is asked for page after page, until the loop is left, and anew each time that it is awaited", async () => {
  const { client, sent } = open()
  const title = crypto.randomUUID()
  await client.batch((to) => [1, 2, 3, 4, 5].map((rank) => to.papers!.create({ title, rank })))
  sent.length = 0
  const seen: unknown[] = []
  for await (const { rank } of client.papers!.list({ title, sort: "rank", limit: 2 })) {
    seen.push(rank)
    if (rank === 3) break
  }
  expect(seen).toEqual([1, 2, 3])
  expect(sent).toHaveLength(2)
  const list = client.papers!.list({ title, limit: 1 })
  await list
  await list
  expect(sent).toHaveLength(4)
})

test("a page of somebody on the way is no answer", async () => {
  let asked = 0
  const { client } = open({
    fetch: async (...request) => {
      const page = new Response("<h1>Sign in</h1>", { headers: { "Content-Type": "text/html" } })
      return ++asked % 2 === 1 ? page : fetch(...request)
    },
  })
  const paper = await client.papers!.create({ title: "one" })
  expect(await client.papers!.get(paper.id)).toEqual(paper)
  expect(asked).toBe(4)
})

test("who is told to wait until a time comes back then", async () => {
  let refusedAt = 0
  const { client } = open({
    fetch: async (...request) => {
      if (refusedAt > 0) return fetch(...request)
      refusedAt = Date.now()
      const until = new Date(refusedAt + 3_000).toUTCString() // whole seconds
      return new Response(null, { status: 429, headers: { "Retry-After": until } })
    },
  })
  await client.papers!.list()
  expect(Date.now() - refusedAt).toBeGreaterThan(1_900)
})

test("what waits for another try ends when it is aborted", async () => {
  const { client } = open({ fetch: () => Promise.reject(new TypeError("lost")) })
  await expect(client.papers!.list({}, { signal: AbortSignal.timeout(200) })).rejects.toMatchObject({
    name: "TimeoutError",
  })
})

test("ids sort in the order of their making", () => {
  const ids = Array.from({ length: 10_000 }, () => newRecordId())
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

function open(options: ClientOptions = {}): { client: Client; sent: Sent[] } {
  const sent: Sent[] = []
  const client = createClient(app.url, {
    storage: "memory",
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      const { pathname: path } = new URL(String(input))
      sent.push({ method: init?.method ?? "GET", path, headers: new Headers(init?.headers), status: response.status })
      return response
    },
    ...options,
  })
  return { client, sent }
}

function goOffline(): void {
  Object.defineProperty(navigator, "onLine", { value: false, configurable: true })
}

function goOnline(): void {
  Object.defineProperty(navigator, "onLine", { value: true, configurable: true })
}
