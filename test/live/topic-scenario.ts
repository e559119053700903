/** A topic with hubs of the test's own: what they are pushed is recorded, and how they answer is up to the test. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import type { Change } from "../../src/core/change.ts"
import type { ChannelMessage, PresenceEntry, Push } from "../../src/core/live.ts"
import type { HubStub, JoinOrder, LiveNamespace, PublishOrder, PushOrder } from "../../src/live/objects.ts"
import type { TopicObject } from "../../src/live/topic-object.ts"

export interface TestHub {
  readonly pushes: Push[]
  /** Its answer: how many sockets listen; a test may have it wait, or throw. */
  answer: (push: Push) => number | Promise<number>
  readonly messages: () => ChannelMessage[]
  readonly changes: () => number[]
  readonly presence: () => PresenceEntry[]
}

/** What of the object a test stands in for. */
interface Surroundings {
  hubs(): LiveNamespace<HubStub>
  now(): number
}

const { TOPIC, HUB } = env as unknown as {
  TOPIC: DurableObjectNamespace<TopicObject>
  HUB: LiveNamespace<HubStub>
}
export const namespace = TOPIC

export async function openTopic(name: string) {
  /** A stub of an object that has crashed stays broken. */
  const stub = () => namespace.getByName(name)
  const hubs = new Map<string, TestHub>()
  const clock = { aheadMs: 0 }
  const surroundings: Surroundings = {
    hubs: () => ({ getByName: (hub) => stubOf(hub) }),
    now: () => Date.now() + clock.aheadMs,
  }
  await surround()

  /** An object that was evicted is another one. */
  async function surround(): Promise<void> {
    await runInDurableObject(stub(), (instance) => {
      Object.assign(instance, surroundings)
    })
  }

  function stubOf(hub: string): HubStub {
    const known = hubs.get(hub)
    // other tests' hubs may listen to the same topic
    if (!known) return HUB.getByName(hub)
    const deliver = async (push: Push) => {
      known.pushes.push(structuredClone(push))
      return known.answer(push)
    }
    return { deliver, fetch: () => Promise.reject(new Error("no sockets here")) }
  }

  return {
    get stub() {
      return stub()
    },
    clock,
    hub(hub: string): TestHub {
      const pushes: Push[] = []
      const made: TestHub = {
        pushes,
        answer: () => 1,
        messages: () => pushes.flatMap(({ messages }) => messages ?? []),
        changes: () => pushes.flatMap(({ changes }) => changes?.map(({ seq }) => seq) ?? []),
        presence: () => pushes.flatMap(({ presence }) => presence ?? []),
      }
      hubs.set(hub, made)
      return made
    },
    /** Forgets what only its memory holds. */
    async evict(): Promise<void> {
      await evictDurableObject(stub())
      await surround()
    },
    /** Ends it in the middle of what it does. */
    async crash(): Promise<void> {
      await runInDurableObject(stub(), (_, state) => state.abort("a crash")).catch(() => {})
      await surround()
    },
    /** The same, and nothing but its alarm wakes it. @param until Waited for then. */
    async crashAlone(until: () => Promise<void>): Promise<void> {
      let classOf: object = {}
      const crashed = runInDurableObject(stub(), (instance, state) => {
        classOf = Object.getPrototypeOf(instance)
        Object.assign(classOf, surroundings)
        state.abort("a crash")
      })
      await crashed.catch(() => {})
      try {
        await until()
      } finally {
        for (const name of Object.keys(surroundings)) Reflect.deleteProperty(classOf, name)
      }
      await surround()
    },
    /** Gives a topic that others use back to them. */
    async close(): Promise<void> {
      await runInDurableObject(stub(), (instance) => {
        for (const name of Object.keys(surroundings)) Reflect.deleteProperty(instance, name)
      })
    },
    alarm: () => runDurableObjectAlarm(stub()),
    alarmAt: () => runInDurableObject(stub(), (_, { storage }) => storage.getAlarm()),
    members: () =>
      runInDurableObject(stub(), (_, { storage: { sql } }) =>
        sql
          .exec("SELECT hub FROM members ORDER BY hub")
          .toArray()
          .map(({ hub }) => hub),
      ),
    /** What is stored, as far as a write would change it. */
    stored: () =>
      runInDurableObject(stub(), async (_, { storage }) => ({
        alarm: await storage.getAlarm(),
        keys: [...storage.kv.list()],
        tables: storage.sql.exec("SELECT name FROM sqlite_master").toArray().length,
        writes: storage.sql.exec("SELECT total_changes() AS n").one().n,
      })),
  }
}

export const join = (hub: string, order: Partial<JoinOrder> = {}): JoinOrder => ({
  hub,
  connection: `${hub}-1`,
  history: undefined,
  member: undefined,
  since: undefined,
  ...order,
})

export const says = (data: string, order: Partial<PublishOrder> = {}): PublishOrder => ({
  history: undefined,
  event: "message",
  data: JSON.stringify(data),
  from: { id: "ada" },
  ...order,
})

export const change = (seq: number): Change => ({
  seq,
  table: "films",
  recordId: `r${seq}`,
  op: "insert",
  before: null,
  after: { id: `r${seq}` },
  at: seq,
})

export const pushed = (seqs: readonly number[], order: Partial<PushOrder> = {}): PushOrder => ({
  epoch: "e1",
  changes: seqs.map(change),
  ...order,
})

/** A promise that the test keeps. */
export function gate<V>(): { promise: Promise<V>; open: (value: V) => void } {
  let open: (value: V) => void = () => {}
  const promise = new Promise<V>((resolve) => {
    open = resolve
  })
  return { promise, open }
}
