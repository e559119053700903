/** The messages of a channel: numbered, kept, and given to who joins or has missed some. */

import { runInDurableObject } from "cloudflare:test"
import { expect, test } from "vitest"
import { eventually } from "../eventually.ts"
import { join, openTopic, says } from "./topic-scenario.ts"

let topics = 0
const channel = () => openTopic(`channel:messages:${topics++}`)
const history = { messages: 3, maxAgeMs: 60_000 }

const texts = (messages: readonly { data: string }[]) => messages.map(({ data }) => JSON.parse(data))

test("with a history, who joins is shown the newest messages, after an eviction too", async () => {
  const topic = await channel()
  for (const text of ["1", "2", "3", "4"]) await topic.stub.publish(says(text, { history }))
  const first = await topic.stub.join(join("one", { history }))
  await topic.evict()
  topic.hub("one")
  const { isResumed, last, messages, epoch } = await topic.stub.join(join("one", { history }))
  expect({ isResumed, last, texts: texts(messages) }).toEqual({ isResumed: false, last: 4, texts: ["2", "3", "4"] })
  expect(messages[0]).toEqual({ seq: 2, event: "message", data: '"2"', from: { id: "ada" }, at: expect.any(String) })
  expect(epoch).toBe(first.epoch)
  expect(epoch).toMatch(/^[0-9a-f]{12}$/)
})

test("who comes back gets exactly what it missed, as long as all of it is kept", async () => {
  const topic = await channel()
  const { epoch } = await topic.stub.publish(says("1", { history }))
  const resume = async (seq: number, log = epoch) => {
    const { isResumed, messages } = await topic.stub.join(join("one", { history, since: { epoch: log, seq } }))
    return { isResumed, texts: texts(messages) }
  }
  topic.hub("one")
  expect(await resume(1)).toEqual({ isResumed: true, texts: [] })
  for (const text of ["2", "3", "4", "5"]) await topic.stub.publish(says(text, { history }))
  expect(await resume(5)).toEqual({ isResumed: true, texts: [] })
  expect(await resume(2)).toEqual({ isResumed: true, texts: ["3", "4", "5"] })
  const newest = { isResumed: false, texts: ["3", "4", "5"] }
  expect(await resume(1)).toEqual(newest)
  expect(await resume(6)).toEqual(newest)
  expect(await resume(4, "000000000000")).toEqual(newest)
})

test("a message that is too old is given to nobody, and numbers go on", async () => {
  const topic = await channel()
  topic.hub("one")
  const { epoch } = await topic.stub.publish(says("1", { history }))
  await topic.stub.publish(says("2", { history }))
  topic.clock.aheadMs = 61_000
  const joined = await topic.stub.join(join("one", { history, since: { epoch, seq: 1 } }))
  expect(joined).toMatchObject({ isResumed: false, messages: [], last: 2 })
  expect(await topic.stub.missed(1)).toEqual({ epoch, messages: [], isWhole: false })
  await topic.alarm()
  await topic.evict()
  expect(await topic.stub.publish(says("3", { history }))).toEqual({ seq: 3, epoch })
})

test("what is too much for the history is removed in steps", async () => {
  const topic = await channel()
  for (let n = 1; n <= 210; n++) await topic.stub.publish(says(`${n}`, { history }))
  const rows = await runInDurableObject(topic.stub, (_, { storage: { sql } }) =>
    sql.exec("SELECT count(*) AS n FROM messages").one(),
  )
  expect(rows.n).toBeLessThan(110)
  expect(texts((await topic.stub.missed(0)).messages)).toEqual(["208", "209", "210"])
})

test("without a history nothing is stored, and a short memory fills holes and lets clients go on", async () => {
  const topic = await channel()
  topic.hub("one")
  const { epoch, messages } = await topic.stub.join(join("one"))
  expect(messages).toEqual([])
  const before = await topic.stored()
  for (let n = 1; n <= 120; n++) await topic.stub.publish(says(`${n}`))
  expect(await topic.stored()).toEqual(before)
  const missed = await topic.stub.missed(100)
  expect(missed).toMatchObject({ epoch, isWhole: true })
  expect(missed.messages).toHaveLength(20)
  expect((await topic.stub.missed(5)).isWhole).toBe(false)
  const resumed = await topic.stub.join(join("one", { since: { epoch, seq: 118 } }))
  expect(resumed).toMatchObject({ isResumed: true, last: 120 })
  expect(texts(resumed.messages)).toEqual(["119", "120"])
  expect((await topic.stub.join(join("one"))).messages).toEqual([])
  topic.clock.aheadMs = 31_000
  expect((await topic.stub.missed(119)).isWhole).toBe(false)
})

test("without a history another log begins after an eviction, and sorts behind", async () => {
  const topic = await channel()
  const before = await topic.stub.publish(says("1"))
  await topic.evict()
  const after = await topic.stub.publish(says("1"))
  expect(after.seq).toBe(1)
  expect(after.epoch > before.epoch).toBe(true)
})

test("a topic that nobody listens to, without a history, stores nothing at all", async () => {
  const topic = await channel()
  await topic.stub.publish(says("1"))
  expect(await topic.stored()).toMatchObject({ alarm: null, keys: [], tables: 0 })
})

test("a history that is declared later, or no more, begins another log", async () => {
  const topic = await channel()
  const memory = await topic.stub.publish(says("1"))
  const kept = await topic.stub.publish(says("2", { history }))
  expect(kept.seq).toBe(1)
  expect(kept.epoch > memory.epoch).toBe(true)
  expect(await topic.stub.publish(says("3", { history: { ...history, messages: 2 } }))).toEqual({ ...kept, seq: 2 })
  const gone = await topic.stub.publish(says("4"))
  expect(gone.epoch > kept.epoch).toBe(true)
  expect(await topic.stub.publish(says("5"))).toEqual({ ...gone, seq: 2 })
})

test("messages that were stored before a crash are told of after it", async () => {
  const topic = await channel()
  const hub = topic.hub("one")
  await topic.stub.join(join("one", { history }))
  hub.answer = () => new Promise(() => {})
  const { epoch } = await topic.stub.publish(says("1", { history }))
  hub.answer = () => 1
  await topic.crash()
  hub.pushes.length = 0
  await topic.alarm()
  await eventually(() => expect(hub.pushes).toEqual([{ topic: topic.stub.name, epoch, previous: 1, last: 1 }]))
  expect(texts((await topic.stub.missed(0)).messages)).toEqual(["1"])
})
