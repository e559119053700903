/** The sink of the feed that hands changes to the topics of their tables, and what concerns callers to theirs. */

import type { Collections } from "../access/model.ts"
import { reachedTables } from "../access/reached-tables.ts"
import { callerChange } from "../auth/caller-changes.ts"
import type { Reading, Sink } from "../changes/sink.ts"
import type { Change } from "../core/change.ts"
import { CALLERS_TOPIC, type CallerChange, tableTopic } from "../core/live.ts"
import { inTime } from "../core/wait.ts"
import type { LiveNamespace, PushOrder, TopicStub } from "./objects.ts"

/** A topic that takes longer has failed. */
const LONGEST_PUSH_MS = 5_000
/** In a row; then changes are taken without the topic, so that it holds up no other: its hubs look for themselves. */
const MOST_FAILURES = 6

export interface LiveSinkOptions {
  readonly topics: LiveNamespace<TopicStub>
  /** SQL names of the tables that live queries are made of; changes of others are passed over. */
  readonly tables: ReadonlySet<string>
  /** The history of the database, asked of the primary. */
  readonly epoch: () => Promise<string>
  readonly log: (line: { level: "error"; event: string; topic: string; causes: string[] }) => void
}

/** The tables of live collections, and those that their relations lead to. */
export function liveTables(collections: Collections): ReadonlySet<string> {
  return reachedTables(collections, ({ live }) => live)
}

export function liveSink({ topics, tables, epoch, log }: LiveSinkOptions): Sink {
  /** In a row, of each topic; there while it may have missed something. */
  const failures = new Map<string, number>()

  async function take(changes: readonly Change[], reading: Reading): Promise<void> {
    const orders = ordersOf(changes, reading)
    const pushes = await Promise.allSettled([...orders].map(([topic, order]) => tell(topic, order)))
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

  async function tell(topic: string, order: PushOrder): Promise<void> {
    const before = failures.get(topic) ?? 0
    try {
      await push(topic, before > 0 ? { ...order, mayMiss: true } : order)
      failures.delete(topic)
    } catch (error) {
      failures.set(topic, before + 1)
      if (before + 1 < MOST_FAILURES) throw error
      log({ level: "error", event: "topic_not_told", topic, causes: [String(error)] })
    }
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
