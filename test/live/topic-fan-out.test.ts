/** How a topic hands what it has to its hubs. */

import { expect, test } from "vitest"
import { eventually } from "../eventually.ts"
import { gate, join, openTopic, pushed, says } from "./topic-scenario.ts"

let topics = 0
const channel = () => openTopic(`channel:fan-out:${topics++}`)
const table = () => openTopic(`table:fan_out_${topics++}`)

test("a message goes at once to every hub that has joined, with the place in the log", async () => {
  const topic = await channel()
  const [one, other] = [topic.hub("one"), topic.hub("other")]
  await topic.stub.join(join("one"))
  const { epoch } = await topic.stub.join(join("other"))
  expect(await topic.stub.publish(says("hello"))).toEqual({ seq: 1, epoch })
  await eventually(() => expect(other.pushes).toHaveLength(1))
  expect(one.pushes).toEqual(other.pushes)
  expect(one.pushes).toEqual([
    {
      topic: topic.stub.name,
      epoch,
      previous: 0,
      last: 1,
      messages: [{ seq: 1, event: "message", data: '"hello"', from: { id: "ada" }, at: expect.any(String) }],
    },
  ])
})

test("what comes while a call is under way is gathered into the next one", async () => {
  const topic = await channel()
  const hub = topic.hub("one")
  const { promise, open } = gate<number>()
  hub.answer = () => promise
  await topic.stub.join(join("one"))
  for (const text of ["1", "2", "3", "4"]) await topic.stub.publish(says(text))
  expect(hub.pushes).toHaveLength(1)
  open(1)
  await eventually(() => expect(hub.pushes).toHaveLength(2))
  expect(hub.pushes[1]).toMatchObject({ previous: 1, last: 4 })
  expect(hub.messages().map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
})

test("a hub that hangs holds up neither publishers nor the other hubs, and the feed for a second at most", async () => {
  const topic = await table()
  const [hanging, other] = [topic.hub("hanging"), topic.hub("other")]
  const { promise, open } = gate<number>()
  hanging.answer = () => promise
  await topic.stub.enter("hanging")
  await topic.stub.enter("other")
  const began = Date.now()
  await topic.stub.push(pushed([3, 5]))
  expect(Date.now() - began).toBeLessThan(2_000)
  expect(other.changes()).toEqual([3, 5])
  await topic.stub.push(pushed([6, 9]))
  expect(other.pushes.map(({ previous, last }) => [previous, last])).toEqual([
    [0, 5],
    [5, 9],
  ])
  expect(hanging.pushes).toHaveLength(1)
  open(1)
  await eventually(() => expect(hanging.changes()).toEqual([3, 5, 6, 9]))
})

test("a hub with too much waiting for it is told where the log stands instead", async () => {
  const topic = await channel()
  const hub = topic.hub("one")
  const { promise, open } = gate<number>()
  hub.answer = () => promise
  const { epoch } = await topic.stub.join(join("one"))
  await Promise.all(Array.from({ length: 1_100 }, (_, n) => topic.stub.publish(says(`${n}`))))
  open(1)
  await eventually(() => expect(hub.pushes).toHaveLength(2))
  expect(hub.pushes[1]).toEqual({ topic: topic.stub.name, epoch, previous: 1_100, last: 1_100 })
  await topic.stub.publish(says("next"))
  await eventually(() => expect(hub.pushes[2]).toMatchObject({ previous: 1_100, last: 1_101 }))
})

test("a hub that throws is told again where the log stands, until it listens", async () => {
  const topic = await table()
  const hub = topic.hub("one")
  let isBroken = true
  hub.answer = () => (isBroken ? Promise.reject(new Error("broken")) : 1)
  await topic.stub.enter("one")
  await topic.stub.push(pushed([1, 2]))
  await topic.stub.push(pushed([3]))
  expect(hub.pushes).toHaveLength(1)
  isBroken = false
  await eventually(() => expect(hub.pushes.length).toBeGreaterThan(1))
  expect(hub.pushes.at(-1)).toEqual({ topic: topic.stub.name, epoch: "e1", previous: 3, last: 3 })
  await topic.stub.push(pushed([4]))
  expect(hub.pushes.at(-1)).toMatchObject({ previous: 3, last: 4 })
})

test("a hub that failed is told after a crash of the topic too", async () => {
  const topic = await table()
  const hub = topic.hub("one")
  hub.answer = () => Promise.reject(new Error("broken"))
  await topic.stub.enter("one")
  await topic.stub.push(pushed([1, 2]))
  hub.answer = () => 1
  hub.pushes.length = 0
  await topic.crash()
  await topic.alarm()
  await eventually(() => expect(hub.pushes).toMatchObject([{ previous: 2, last: 2, epoch: "e1" }]))
  await topic.alarm()
  expect(await topic.alarmAt()).toBeNull()
})

test("a crash forgets neither who failed nor the topic's name, though only the alarm wakes it", async () => {
  const topic = await table()
  const hub = topic.hub("one")
  hub.answer = () => Promise.reject(new Error("broken"))
  await topic.stub.enter("one")
  await topic.stub.push(pushed([1, 2]))
  hub.answer = () => 1
  hub.pushes.length = 0
  await topic.crashAlone(() => eventually(() => expect(hub.pushes.length).toBeGreaterThan(0)))
  expect(hub.pushes[0]).toEqual({ topic: topic.stub.name, epoch: "e1", previous: 2, last: 2 })
})

test("nobody is present at a hub that fails for five minutes; when it can be reached again, it begins anew", async () => {
  const topic = await channel()
  const hub = topic.hub("one")
  const broken = () => Promise.reject(new Error("broken"))
  hub.answer = broken
  await topic.stub.join(join("one", { member: { id: "ada", data: "{}" } }))
  await topic.stub.publish(says("lost"))
  await eventually(() => expect(hub.pushes.length).toBeGreaterThan(0))
  topic.clock.aheadMs = 5 * 60_000
  await eventually(async () => {
    await topic.alarm()
    expect((await topic.stub.join(join("two"))).members).toEqual([])
  })
  hub.answer = () => 1
  topic.clock.aheadMs = 11 * 60_000
  await eventually(async () => {
    await topic.alarm()
    expect(hub.pushes.at(-1)).toMatchObject({ isReset: true, previous: 1, last: 1 })
  })
  await topic.stub.publish(says("again"))
  await eventually(() => expect(hub.pushes.at(-1)).toMatchObject({ previous: 1, last: 2 }))
  expect(hub.pushes.at(-1)).not.toHaveProperty("isReset")
})

test("a hub that fails for a day is forgotten", async () => {
  const topic = await channel()
  const hub = topic.hub("one")
  hub.answer = () => Promise.reject(new Error("broken"))
  await topic.stub.join(join("one"))
  await topic.stub.publish(says("lost"))
  await eventually(() => expect(hub.pushes.length).toBeGreaterThan(0))
  topic.clock.aheadMs = 24 * 3_600_000
  await eventually(async () => {
    await topic.alarm()
    expect(await topic.members()).toEqual([])
  })
})

test("that a hub is to begin anew isn't lost with a push that fails", async () => {
  const topic = await table()
  const hub = topic.hub("one")
  hub.answer = () => Promise.reject(new Error("broken"))
  await topic.stub.enter("one")
  await topic.stub.push({ epoch: "e1", isReset: true })
  await topic.stub.push(pushed([1]))
  hub.answer = () => 1
  await eventually(() => expect(hub.pushes.at(-1)).toMatchObject({ isReset: true, last: 1 }))
  await topic.stub.push(pushed([2]))
  expect(hub.pushes.at(-1)).not.toHaveProperty("isReset")
})

test("a hub where nobody listens is a member no more, and nobody is present there", async () => {
  const topic = await channel()
  const [empty, other] = [topic.hub("empty"), topic.hub("other")]
  empty.answer = () => 0
  await topic.stub.join(join("empty", { member: { id: "ada", data: "{}" } }))
  await topic.stub.join(join("other"))
  await topic.stub.publish(says("anybody there?"))
  await eventually(() => expect(other.presence().at(-1)).toMatchObject({ kind: "left", member: { id: "ada" } }))
  expect(await topic.members()).toEqual(["other"])
})

test("a hub that gains a socket while it says that it has none stays a member", async () => {
  const topic = await channel()
  const hub = topic.hub("one")
  const { promise, open } = gate<number>()
  hub.answer = () => promise
  await topic.stub.join(join("one"))
  await topic.stub.publish(says("1"))
  await topic.stub.join(join("one", { connection: "new" }))
  hub.answer = () => 1
  open(0)
  await eventually(async () => {
    await topic.stub.publish(says("2"))
    expect(hub.pushes.length).toBeGreaterThan(1)
  })
  expect(await topic.members()).toEqual(["one"])
})

test("members survive an eviction", async () => {
  const topic = await channel()
  const hub = topic.hub("one")
  await topic.stub.join(join("one"))
  await topic.evict()
  await topic.stub.publish(says("still there"))
  await eventually(() => expect(hub.messages()).toHaveLength(1))
})
