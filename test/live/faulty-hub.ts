/** A hub of a test's own, with a database and topics that fail when the test says so. */

import { evictDurableObject, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import type { Push } from "../../src/core/live.ts"
import type { HubOptions } from "../../src/live/hub-context.ts"
import type { HubObject } from "../../src/live/hub-object.ts"
import type { TopicStub } from "../../src/live/objects.ts"
import { interceptD1 } from "../fixture/intercepted-d1.ts"
import { Client } from "./client.ts"

const { HUB } = env as unknown as { HUB: DurableObjectNamespace<HubObject> }

export interface Surroundings {
  /** Called before each call of the database with its first statement; what it throws comes in place of an answer. */
  asked: (sql: string) => void | Promise<void>
  /** Called before each call of a topic. */
  called: (topic: string, method: keyof TopicStub) => void | Promise<void>
  /** What the hub takes for its database; the real one unless told. */
  d1: D1Database | undefined
  /** Called before each push. */
  pushed: (push: Push) => void | Promise<void>
}

export async function openHub() {
  const name = `test:${newId()}`
  const stub = () => HUB.getByName(name)
  const surroundings: Surroundings = { asked: () => {}, called: () => {}, pushed: () => {}, d1: undefined }
  const clients: Client[] = []
  opened.set(name, surroundings)
  await surround()

  /** One that was out of memory is another object. */
  async function surround(): Promise<void> {
    await runInDurableObject(stub(), (instance) => {
      const real = instance as unknown as { options(): Promise<HubOptions> }
      const options = real.options.bind(instance)
      interceptPushes(instance)
      Object.assign(instance, {
        options: async () => {
          const { d1, topics, ...rest } = await options()
          return {
            ...rest,
            d1: fallible(surroundings.d1 ?? d1, surroundings),
            topics: fallibleTopics(topics, surroundings),
          }
        },
      })
    })
  }

  return {
    name,
    surroundings,
    get stub() {
      return stub()
    },
    async connect(token?: string): Promise<Client> {
      const { webSocket } = await stub().fetch("https://hub/live", { headers: { Upgrade: "websocket" } })
      const client = new Client(webSocket!)
      clients.push(client)
      client.ready = await client.next({ type: "ready" })
      if (token !== undefined) await client.authenticate(token)
      return client
    },
    async evict(webSockets: "hibernate" | "close" = "hibernate"): Promise<void> {
      await evictDurableObject(stub(), { webSockets })
      await surround()
    },
    /** Ends it in the middle of what it does, and its sockets with it. */
    async crash(): Promise<void> {
      await runInDurableObject(stub(), (_, state) => state.abort("a crash")).catch(() => {})
      await surround()
    },
    rows: (query: string) => runInDurableObject(stub(), (_, { storage: { sql } }) => sql.exec(query).toArray()),
    async close(): Promise<void> {
      surroundings.asked = () => {}
      surroundings.called = () => {}
      surroundings.pushed = () => {}
      await Promise.all(clients.map((client) => client.close()))
    },
  }
}

const opened = new Map<string, Surroundings>()
const intercepted = new WeakSet<object>()

/** For all hubs: a call from another object finds methods of the class alone. */
function interceptPushes(instance: HubObject): void {
  const classOf = Object.getPrototypeOf(instance) as HubObject
  if (intercepted.has(classOf)) return
  intercepted.add(classOf)
  const { deliver } = classOf
  classOf.deliver = async function (this: HubObject, push: Push) {
    const { id } = (this as unknown as { readonly ctx: DurableObjectState }).ctx
    await opened.get(id.name ?? "")?.pushed(push)
    return deliver.call(this, push)
  }
}

function fallible(d1: D1Database, surroundings: Surroundings): D1Database {
  return interceptD1((constraint) => {
    const session = d1.withSession(constraint)
    return {
      async run(sqls, work) {
        await surroundings.asked(sqls[0]!)
        return work(session)
      },
      getBookmark: () => session.getBookmark(),
    }
  })
}

function fallibleTopics(topics: HubOptions["topics"], surroundings: Surroundings): HubOptions["topics"] {
  return {
    getByName(name) {
      const stub = topics.getByName(name)
      const before = (method: keyof TopicStub) => Promise.resolve(surroundings.called(name, method))
      return {
        push: (order) => before("push").then(() => stub.push(order)),
        enter: (hub) => before("enter").then(() => stub.enter(hub)),
        join: (order) => before("join").then(() => stub.join(order)),
        missed: (seq) => before("missed").then(() => stub.missed(seq)),
        publish: (order) => before("publish").then(() => stub.publish(order)),
        present: (...args) => before("present").then(() => stub.present(...args)),
      }
    },
  }
}
