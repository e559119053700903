/** Who is present in a channel. */

import { expect, test } from "vitest"
import type { PresentMember } from "../../src/core/live.ts"
import { eventually } from "../eventually.ts"
import { gate, join, openTopic, says } from "./topic-scenario.ts"

let topics = 0
const channel = () => openTopic(`channel:presence:${topics++}`)

const ada: PresentMember = { id: "ada", name: "Ada", data: '{"at":1}' }
const bob: PresentMember = { id: "bob", data: "null" }
const kinds = (entries: readonly { kind: string; member: PresentMember }[]) =>
  entries.map(({ kind, member }) => `${member.id} ${kind}`)

/** Longer than changes are gathered. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 300))

async function watched() {
  const topic = await channel()
  const hub = topic.hub("watcher")
  await topic.stub.join(join("watcher"))
  return { topic, hub }
}

test("who joins is listed with all others, and told of to the hubs once", async () => {
  const { topic, hub } = await watched()
  const first = await topic.stub.join(join("watcher", { connection: "a", member: ada }))
  expect(first.members).toEqual([ada])
  const second = await topic.stub.join(join("watcher", { connection: "b", member: bob }))
  expect(second.members).toEqual([ada, bob])
  await eventually(() =>
    expect(hub.pushes).toEqual([
      {
        topic: topic.stub.name,
        epoch: first.epoch,
        previous: 0,
        last: 0,
        presence: [
          { version: first.presenceVersion, kind: "joined", member: ada },
          { version: second.presenceVersion, kind: "joined", member: bob },
        ],
      },
    ]),
  )
  expect(second.presenceVersion).toBeGreaterThan(first.presenceVersion)
})

test("a member with several tabs comes with the first and leaves with the last; the newest data counts", async () => {
  const { topic, hub } = await watched()
  const { present } = topic.stub
  await present("watcher", "tab 1", ada)
  await pause()
  await present("watcher", "tab 2", { ...ada, data: '{"at":2}' })
  await pause()
  await present("watcher", "tab 1", undefined)
  await pause()
  expect(kinds(hub.presence())).toEqual(["ada joined", "ada updated"])
  expect(hub.presence()[1]!.member.data).toBe('{"at":2}')
  await present("watcher", "tab 2", undefined)
  await pause()
  expect(kinds(hub.presence())).toEqual(["ada joined", "ada updated", "ada left"])
})

test("who leaves and comes back at once has changed; who comes and leaves at once has left", async () => {
  const { topic, hub } = await watched()
  const { present } = topic.stub
  await present("watcher", "tab 1", ada)
  await pause()
  await present("watcher", "tab 1", undefined)
  await present("watcher", "tab 2", ada)
  await present("watcher", "other", bob)
  await present("watcher", "other", undefined)
  await pause()
  expect(kinds(hub.presence())).toEqual(["ada joined", "ada updated", "bob left"])
})

test("another tab that tells the same changes nothing", async () => {
  const { topic, hub } = await watched()
  await topic.stub.present("watcher", "tab 1", ada)
  await pause()
  await topic.stub.present("watcher", "tab 2", ada)
  await topic.stub.present("watcher", "nobody", undefined)
  await pause()
  expect(hub.presence()).toHaveLength(1)
})

test("a thousand who join together are told in one push, and go together with messages", async () => {
  const { topic, hub } = await watched()
  const { promise, open } = gate<number>()
  hub.answer = () => promise
  await topic.stub.publish(says("wait"))
  await Promise.all(
    Array.from({ length: 1_000 }, (_, n) => topic.stub.present("watcher", `c${n}`, { id: `m${n}`, data: "0" })),
  )
  await topic.stub.publish(says("with it"))
  await pause()
  open(1)
  await eventually(() => expect(hub.presence()).toHaveLength(1_000))
  expect(hub.pushes).toHaveLength(2)
  expect(hub.messages()).toHaveLength(2)
  expect((await topic.stub.join(join("watcher"))).members).toHaveLength(1_000)
})

test("it survives an eviction", async () => {
  const { topic, hub } = await watched()
  await topic.stub.present("watcher", "tab 1", ada)
  await pause()
  await topic.evict()
  expect((await topic.stub.join(join("watcher"))).members).toEqual([ada])
  await topic.stub.present("watcher", "tab 1", undefined)
  await pause()
  expect(kinds(hub.presence())).toEqual(["ada joined", "ada left"])
})

test("what had changed and was not told before a crash is told after it", async () => {
  const { topic, hub } = await watched()
  await topic.stub.present("watcher", "a", ada)
  await pause()
  await topic.stub.present("watcher", "b", bob)
  await topic.stub.present("watcher", "a", undefined)
  await topic.crash()
  expect(kinds(hub.presence())).toEqual(["ada joined"])
  await topic.alarm()
  await eventually(() => expect(kinds(hub.presence())).toEqual(["ada joined", "bob joined", "ada left"]))
})

test("a hub that failed is told all that changed meanwhile", async () => {
  const { topic, hub } = await watched()
  hub.answer = () => Promise.reject(new Error("broken"))
  await topic.stub.present("watcher", "a", ada)
  await pause()
  await topic.stub.present("watcher", "b", bob)
  await pause()
  await topic.crash()
  hub.answer = () => 1
  hub.pushes.length = 0
  await topic.alarm()
  await eventually(() => expect(kinds(hub.presence())).toEqual(["ada joined", "bob joined"]))
})
