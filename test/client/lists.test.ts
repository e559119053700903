/** Lists that a client keeps: sorted and limited as the server would, with own writes shown at once. */

import { setTimeout as wait } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { type Client, createClient, type LiveState, type Store } from "../../src/client.ts"
import { type App, startApp } from "./lists-fixture.ts"
import { Network, NoSocket } from "./live-fixture.ts"

// biome-ignore lint/suspicious/noExplicitAny: records of any query
type Item = any

let app: App
const clients: Client[] = []
const stops: (() => void)[] = []

beforeAll(async () => {
  app = await startApp()
})

afterEach(() => {
  for (const stop of stops.splice(0)) stop()
  for (const client of clients.splice(0)) client.close()
})

afterAll(() => app?.stop())

test("a live list is sorted and limited, and keeps so by each change", async () => {
  const { client, box } = await newBox()
  for (const rank of [5, 3, 9, 1]) await client.items!.create({ boxId: box, title: `t${rank}`, rank })
  const list = watch(client, { boxId: box, sort: "rank", limit: 3 })
  await until(() => list.get().status === "live")
  expect(ranks(list)).toEqual([1, 3, 5])
  expect(list.get().hasMore).toBe(true)
  const other = open()
  const two = await other.items!.create({ boxId: box, title: "two", rank: 2 })
  await until(() => ranks(list).join() === "1,2,3")
  await other.items!.update(two, { rank: 7 })
  await until(() => ranks(list).join() === "1,3,5")
  await other.items!.delete(two.id)
  await wait(100)
  expect(ranks(list)).toEqual([1, 3, 5])
})

test("a list that has become too short for its limit is filled up", async () => {
  const { client, box } = await newBox()
  await client.batch((to) => numbers(40).map((rank) => to.items!.create({ boxId: box, title: `t${rank}`, rank })))
  const list = watch(client, { boxId: box, sort: "rank", limit: 5 })
  await until(() => ranks(list).length === 5)
  const other = open()
  const { data } = await other.items!.list({ boxId: box, sort: "rank", limit: 30 })
  await other.batch((to) => data.slice(0, 22).map(({ id }) => to.items!.delete(id)))
  await until(() => ranks(list).join() === "22,23,24,25,26")
  expect(list.get().hasMore).toBe(true)
})

test("what is written is shown before the answer, and stays as it is answered", async () => {
  const { client, box } = await newBox()
  const states: string[] = []
  const list = watch(client, { boxId: box, sort: "rank", limit: 10 })
  list.subscribe(() => {
    const state = list
      .get()
      .data.map(({ rank, version }: Item) => `${rank}v${version}`)
      .join()
    if (state !== states.at(-1)) states.push(state)
  })
  await until(() => list.get().status === "live")
  const creating = client.items!.create({ boxId: box, title: "one", rank: 1 })
  expect(list.get().data).toMatchObject([{ title: "one", version: 0, boxId: box }])
  const [shown] = list.get().data as Item[]
  expect([...list.get().pending]).toEqual([shown.id])
  const updating = client.items!.update(shown, { rank: 2 })
  expect(list.get().data).toMatchObject([{ rank: 2 }])
  await creating
  await updating
  await until(() => list.get().pending.size === 0)
  const deleting = client.items!.delete(shown.id)
  expect(list.get().data).toEqual([])
  await deleting
  await wait(200)
  expect(states.slice(1)).toEqual(["1v0", "2v0", "2v1", "2v2", ""])
})

test("a record that was changed, deleted and made anew is shown, though its versions begin anew as well", async () => {
  const { client, box } = await newBox()
  const list = watch(client, { boxId: box, done: true, sort: "title" })
  await until(() => list.get().status === "live")
  const { id } = await client.items!.create({ boxId: box, title: "one" })
  await client.items!.update(id, { rank: 1 })
  await client.items!.delete(id)
  const other = open()
  await other.items!.replace(id, { boxId: box, title: "one", done: true, rank: 2 })
  await until(() => ranks(list).join() === "2")
})

test("own writes of before the first snapshot are in it, also to a record that was made anew meanwhile", async () => {
  const { client: other, box } = await newBox()
  const { id } = await other.items!.create({ boxId: box, title: "one", rank: 1 })
  const asked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const client = open({
    webSocket: NoSocket,
    fetch: async (url, init) => {
      if (new Headers(init?.headers).get("Accept") === "text/event-stream") {
        asked.resolve()
        await released.promise
      }
      return fetch(url, init)
    },
  })
  const list = watch(client, { boxId: box, sort: "title" })
  await asked.promise
  await client.items!.update(id, { rank: 2 })
  await client.items!.delete(id)
  await client.items!.replace(id, { boxId: box, title: "one", rank: 3 })
  released.resolve()
  await until(() => list.get().status === "live")
  expect(ranks(list)).toEqual([3])
})

test("a list that nobody answers says so after a while, and comes once somebody does", async () => {
  const wires = await Network.to(app.port)
  stops.push(() => wires.close())
  wires.refuses = true
  const client = createClient(wires.url, { storage: "memory" })
  clients.push(client)
  const { box } = await newBox()
  const list = watch(client, { boxId: box, sort: "title" })
  await until(() => list.get().problem !== undefined)
  expect(list.get()).toMatchObject({ status: "loading", problem: { code: "unreachable" }, data: [] })
  wires.refuses = false
  await until(() => list.get().status === "live")
  expect(list.get().problem).toBeUndefined()
})

test("what is refused is taken back, and the promise rejects", async () => {
  const { client, box } = await newBox()
  const item = await client.items!.create({ boxId: box, title: "one", rank: 1 })
  const list = watch(client, { boxId: box, sort: "rank" })
  await until(() => list.get().status === "live")
  const [before] = list.get().data
  const refused = client.items!.update(item, { title: "", rank: 9 })
  expect(ranks(list)).toEqual([9])
  await expect(refused).rejects.toMatchObject({ code: "validation_failed" })
  expect(list.get().data[0]).toBe(before)
  const batch = client.batch((to) => [
    to.items!.create({ boxId: box, title: "two", rank: 2 }),
    to.boxes!.update(box, { name: "renamed" }),
    to.items!.update({ id: item.id, version: 77 }, { rank: 3 }),
  ])
  expect(ranks(list)).toEqual([2, 3])
  await expect(batch).rejects.toMatchObject({ code: "precondition_failed", operation: 2 })
  expect(list.get().data[0]).toBe(before)
  expect(list.get().pending.size).toBe(0)
})

test("what doesn't match any more is hidden at once, and shown again when it does", async () => {
  const { client, box } = await newBox()
  const item = await client.items!.create({ boxId: box, title: "one", rank: 1 })
  const list = watch(client, { boxId: box, done: false, sort: "rank" })
  await until(() => ranks(list).length === 1)
  const done = client.items!.update(item, { done: true })
  expect(ranks(list)).toEqual([])
  const undone = client.items!.update(item, { done: false })
  expect(ranks(list)).toEqual([1])
  await Promise.all([done, undone])
  await wait(100)
  expect(list.get().data).toMatchObject([{ rank: 1, version: 3 }])
})

test("an own write stays on top of somebody else's until it is answered", async () => {
  const { client, box } = await newBox()
  const item = await client.items!.create({ boxId: box, title: "one", rank: 1 })
  const gate = Promise.withResolvers<void>()
  const slow = open({
    fetch: async (input: string | URL | Request, init?: RequestInit) => {
      if (init?.method === "PATCH") await gate.promise
      return fetch(input, init)
    },
  })
  const list = watch(slow, { boxId: box, sort: "rank" })
  await until(() => ranks(list).length === 1)
  const writing = slow.items!.update(item.id, { rank: 5 })
  await client.items!.update(item.id, { rank: 3, title: "theirs" })
  await until(() => (list.get().data[0] as Item).title === "theirs")
  expect(ranks(list)).toEqual([5])
  gate.resolve()
  expect(await writing).toMatchObject({ rank: 5, title: "theirs", version: 3 })
  expect(ranks(list)).toEqual([5])
})

test("records and lists that haven't changed stay the same objects", async () => {
  const { client, box } = await newBox()
  await client.batch((to) => numbers(3).map((rank) => to.items!.create({ boxId: box, title: `t${rank}`, rank })))
  const list = watch(client, { boxId: box, sort: "rank" })
  const same = watch(client, { sort: "rank", boxId: box })
  await until(() => ranks(list).length === 3)
  const [zero, one, two] = list.get().data as Item[]
  await until(() => same.get().data[0] === zero)
  await client.items!.update(one, { score: 0.5 })
  await until(() => (list.get().data[1] as Item).score === 0.5)
  expect(list.get().data[0]).toBe(zero)
  expect(list.get().data[2]).toBe(two)
  const { data } = list.get()
  await client.boxes!.update(box, { name: "renamed" })
  await client.items!.create({ title: "elsewhere" })
  await wait(100)
  expect(list.get().data).toBe(data)
})

test("relations of a record are there before the server has shown them, and with fields the list is still in order", async () => {
  const { client, box } = await newBox()
  const expanded = watch(client, { boxId: box, sort: "rank", expand: ["box"] })
  const slim = watch(client, { boxId: box, sort: "rank", fields: ["title"] })
  await until(() => expanded.get().status === "live" && slim.get().status === "live")
  const creating = client.items!.create({ boxId: box, title: "b", rank: 2 })
  expect(expanded.get().data).toMatchObject([{ title: "b", box: null }])
  await creating
  await client.items!.create({ boxId: box, title: "a", rank: 1 })
  await until(() => expanded.get().data.length === 2 && expanded.get().data.every((item: Item) => item.box?.id === box))
  await until(
    () =>
      slim
        .get()
        .data.map((item: Item) => item.title)
        .join() === "a,b",
  )
})

test("a list of some fields is in order, also when its order was not named and nothing was there to see it by", async () => {
  const { client, box } = await newBox()
  const titles = (list: Store<LiveState<Item>>) =>
    list
      .get()
      .data.map((item: Item) => item.title)
      .join()
  const empty = watch(client, { boxId: box, fields: ["title"] })
  await until(() => empty.get().status === "live")
  const other = open()
  for (const rank of [3, 1, 2]) await other.items!.create({ boxId: box, title: `${9 - rank}`, rank })
  await until(() => titles(empty) === "8,7,6")
  const asText = watch(client, { boxId: box, fields: "title", sort: "rank" })
  await until(() => titles(asText) === "8,7,6")
})

test("a collection that isn't live is read once, shows own writes, and is read again after them", async () => {
  const client = open()
  const title = crypto.randomUUID()
  await client.papers!.create({ title, rank: 2 })
  const list = watch(client, { title, sort: "rank" }, "papers")
  const found = watch(client, { q: title, title }, "papers")
  await until(() => list.get().status === "static" && found.get().status === "static")
  const creating = client.papers!.create({ title, rank: 1 })
  expect(ranks(list)).toEqual([1, 2])
  expect(ranks(found)).toEqual([2])
  await creating
  expect(ranks(list)).toEqual([1, 2])
  await until(() => found.get().data.length === 2)
})

test("a list that is looked at again by somebody else begins anew", async () => {
  const { client, box } = await newBox()
  const account = () => ({ email: `${crypto.randomUUID()}@example.com`, password: "a long enough one" })
  await client.auth.signUp(account())
  await client.items!.create({ boxId: box, title: "one" })
  const list = client.items!.watch({ boxId: box })
  const stop = list.subscribe(() => undefined)
  await until(() => list.get().data.length === 1)
  stop()
  await client.auth.signUp(account())
  const states: string[] = []
  stops.push(list.subscribe(() => states.push(list.get().status)))
  await until(() => list.get().status === "live")
  expect(states).toEqual(["loading", "live"])
})

test("a list that is refused says why, and an unknown collection isn't there", async () => {
  const client = open()
  const list = watch(client, { ghost: 1 })
  const unknown = watch(client, {}, "ghosts")
  await until(() => list.get().status === "failed" && unknown.get().status === "failed")
  expect(list.get().problem?.code).toBe("invalid_query")
  expect(unknown.get().problem?.code).toBe("not_found")
})

function open(options: Parameters<typeof createClient>[1] = {}): Client {
  const client = createClient(app.url, { storage: "memory", ...options })
  clients.push(client)
  return client
}

async function newBox(): Promise<{ client: Client; box: string }> {
  const client = open()
  return { client, box: (await client.boxes!.create({ name: "box" })).id }
}

function watch(client: Client, query: Item, name = "items"): Store<LiveState<Item>> {
  const list = client[name]!.watch(query)
  stops.push(list.subscribe(() => undefined))
  return list
}

function ranks(list: Store<LiveState<Item>>): number[] {
  return list.get().data.map(({ rank }) => rank)
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

async function until(isTrue: () => boolean): Promise<void> {
  await expect.poll(isTrue, { timeout: 10_000, interval: 10 }).toBe(true)
}
