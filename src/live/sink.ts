/** The sink of the feed that hands changes to the topics of their tables, and what concerns callers to theirs. */

import type { Collections } from "../access/model.ts"
import { reachedTables } from "../access/reached-tables.ts"
import { callerChange } from "../auth/caller-changes.ts"
import type { FeedStore } from "../changes/feed.ts"
import type { Reading, Sink } from "../changes/sink.ts"
import type { Change } from "../core/change.ts"
import { CALLERS_TOPIC, type CallerChange, tableTopic } from "../core/live.ts"
import { inTime, wait } from "../core/wait.ts"
import type { LiveNamespace, PushOrder, TopicStub } from "./objects.ts"

/** A topic that takes longer has failed. */
const LONGEST_PUSH_MS = 5_000
/** In a row; then changes are taken without the topic, so that it holds up no other: its hubs look for themselves. */
const MOST_FAILURES = 6
/** Such a topic is told until it knows. */
const AGAIN_AFTER_MS = 5_000

/** In the feed's storage: the topics that don't know of all changes, and what they are to be told. */
const LOST_KEY = "live:lost"
type Lost = Record<string, Pick<PushOrder, "epoch" | "upTo">>

export interface LiveSinkOptions {
  readonly topics: LiveNamespace<TopicStub>
  /** SQL names of the tables that live queries are made of; changes of others are passed over. */
  readonly tables: ReadonlySet<string>
  /** The history of the database, asked of the primary. */
  readonly epoch: () => Promise<string>
  /** The feed's; where there is none, changes are only taken again. */
  readonly store?: FeedStore | undefined
  readonly log: (line: { level: "error"; event: string; topic: string; causes: string[] }) => void
}

/** The tables of live collections, and those that their relations lead to. */
export function liveTables(collections: Collections): ReadonlySet<string> {
  return reachedTables(collections, ({ live }) => live)
}

export function liveSink({ topics, tables, epoch, store, log }: LiveSinkOptions): Sink {
  /** In a row, of each topic. */
  const failures = new Map<string, number>()
  const lost = new Map(Object.entries(store?.get<Lost>(LOST_KEY) ?? {}))
  let isTellingLost = false
  if (lost.size > 0) void tellLost()

  async function take(changes: readonly Change[], reading: Reading): Promise<void> {
    const orders = ordersOf(changes, reading)
    const upTo = changes.at(-1)?.seq ?? 0
    const pushes = await Promise.allSettled([...orders].map(([topic, order]) => tell(topic, order, upTo)))
    for (const pushed of pushes) if (pushed.status === "rejected") throw pushed.reason
  }

  /** Of another history every topic is told. */
  function ordersOf(changes: readonly Change[], { epoch, bookmark, isOther }: Reading): Map<string, PushOrder> {
    const told = isOther ? [...tables].map(tableTopic).concat(CALLERS_TOPIC) : []
    const orders = new Map(told.map((topic): [string, PushOrder] => [topic, { epoch, bookmark }]))
    for (const [table, ofTable] of Map.groupBy(changes, ({ table }) => table))
      if (tables.has(table)) orders.set(tableTopic(table), { epoch, bookmark, changes: ofTable })
    const callers = changes.map(callerChange).filter((change): change is CallerChange => change !== undefined)
    if (callers.length > 0) orders.set(CALLERS_TOPIC, { epoch, bookmark, callers })
    return orders
  }

  async function tell(topic: string, order: PushOrder, upTo: number): Promise<void> {
    const before = failures.get(topic) ?? 0
    const known = lost.get(topic)
    try {
      await push(topic, before > 0 || known ? { ...order, mayMiss: true } : order)
      failures.delete(topic)
      // more may have been lost meanwhile
      if (known && lost.get(topic) === known && lost.delete(topic)) keepLost()
    } catch (error) {
      failures.set(topic, before + 1)
      if (before + 1 < MOST_FAILURES && !lost.has(topic)) throw error
      log({ level: "error", event: "topic_not_told", topic, causes: [String(error)] })
      lost.set(topic, { epoch: order.epoch, upTo })
      keepLost()
      void tellLost()
    }
  }

  /** No other change may follow that would tell them. The feed may rest meanwhile: the clock wakes it. */
  async function tellLost(): Promise<void> {
    if (isTellingLost) return
    isTellingLost = true
    while (lost.size > 0) {
      await wait(AGAIN_AFTER_MS)
      await Promise.allSettled([...lost].map(([topic, order]) => tell(topic, order, order.upTo ?? 0)))
    }
    isTellingLost = false
  }

  function keepLost(): void {
    store?.put(LOST_KEY, Object.fromEntries(lost))
  }

  async function push(topic: string, order: PushOrder): Promise<void> {
    await inTime(topics.getByName(topic).push(order), LONGEST_PUSH_MS, () =>
      Promise.reject(new Error(`it took longer than ${LONGEST_PUSH_MS} ms`)),
    )
  }

  return {
    name: "live",
    take,
    /** Others came after it: nothing less than a fresh snapshot has it at its place. */
    async retake(change) {
      const order = { epoch: await epoch(), isReset: true }
      if (tables.has(change.table)) await push(tableTopic(change.table), order)
      if (callerChange(change)) await push(CALLERS_TOPIC, order)
    },
  }
}
