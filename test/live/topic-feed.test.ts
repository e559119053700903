/** What a topic makes of the feed's changes. */

import { expect, test } from "vitest"
import { eventually } from "../eventually.ts"
import { gate, openTopic, pushed } from "./topic-scenario.ts"

let topics = 0

async function followed() {
  const topic = await openTopic(`table:feed_${topics++}`)
  const hub = topic.hub("one")
  return { topic, hub, entered: await topic.stub.enter("one") }
}

const places = (pushes: readonly { epoch: string; previous: number; last: number }[]) =>
  pushes.map(({ epoch, previous, last }) => `${epoch} ${previous}-${last}`)

test("changes are handed on with the place before them and D1's bookmark", async () => {
  const { topic, hub, entered } = await followed()
  expect(entered).toEqual({ epoch: "", last: 0, isUnsure: true })
  await topic.stub.push(pushed([3, 7], { bookmark: "b1" }))
  await topic.stub.push(pushed([8]))
  expect(places(hub.pushes)).toEqual(["e1 0-7", "e1 7-8"])
  expect(hub.pushes[0]).toMatchObject({ bookmark: "b1", changes: [{ seq: 3 }, { seq: 7 }] })
  expect(await topic.stub.enter("two")).toEqual({ epoch: "e1", last: 8 })
})

test("what comes again is passed over, after an eviction too", async () => {
  const { topic, hub } = await followed()
  await topic.stub.push(pushed([1, 2]))
  await topic.evict()
  await topic.stub.push(pushed([1, 2]))
  await topic.stub.push(pushed([2, 3]))
  expect(hub.changes()).toEqual([1, 2, 3])
  expect(places(hub.pushes)).toEqual(["e1 0-2", "e1 2-3"])
})

test("callers go the same way", async () => {
  const { topic, hub } = await followed()
  const callers = [{ seq: 4, kind: "session", id: "s1" }] as const
  await topic.stub.push({ epoch: "e1", callers })
  await topic.stub.push({ epoch: "e1", callers })
  expect(hub.pushes).toEqual([{ topic: topic.stub.name, epoch: "e1", previous: 0, last: 4, callers }])
})

test("another history begins anew, and what waits of the old one is dropped", async () => {
  const { topic, hub } = await followed()
  const { promise, open } = gate<number>()
  hub.answer = () => promise
  await topic.stub.push(pushed([11]))
  await topic.stub.push(pushed([12]))
  await topic.stub.push(pushed([5, 6], { epoch: "e2" }))
  hub.answer = () => 1
  open(1)
  await eventually(() => expect(places(hub.pushes)).toEqual(["e1 0-11", "e2 0-6"]))
  expect(hub.changes()).toEqual([11, 5, 6])
  await topic.evict()
  await topic.stub.push(pushed([5, 6, 7], { epoch: "e2" }))
  expect(places(hub.pushes).at(-1)).toBe("e2 6-7")
})

test("hubs are told of another history though the table has no change in it", async () => {
  const { topic, hub } = await followed()
  await topic.stub.push(pushed([11]))
  await topic.stub.push(pushed([], { epoch: "e2" }))
  await topic.stub.push(pushed([], { epoch: "e2" }))
  expect(places(hub.pushes)).toEqual(["e1 0-11", "e2 0-0"])
})

test("where the feed may have missed some, hubs see a hole", async () => {
  const { topic, hub } = await followed()
  await topic.stub.push(pushed([1, 2]))
  await topic.stub.push(pushed([9], { mayMiss: true }))
  expect(places(hub.pushes)).toEqual(["e1 0-2", "e1 8-9"])
})

test("hubs are asked for fresh snapshots", async () => {
  const { topic, hub } = await followed()
  await topic.stub.push(pushed([1, 2]))
  await topic.stub.push(pushed([], { isReset: true }))
  expect(hub.pushes.at(-1)).toEqual({ topic: topic.stub.name, epoch: "e1", previous: 2, last: 2, isReset: true })
})

test("a table whose changes nobody follows stores nothing", async () => {
  const topic = await openTopic(`table:feed_${topics++}`)
  await topic.stub.push(pushed([1, 2]))
  expect(await topic.stored()).toMatchObject({ alarm: null, keys: [], tables: 0 })
  expect(await topic.stub.enter("one")).toEqual({ epoch: "e1", last: 2 })
})
