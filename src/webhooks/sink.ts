/** The sink of the feed that makes a delivery of each change that a webhook asked for. */

import { type FilterNode, NEVER } from "../access/filter.ts"
import { matches } from "../access/filter-match.ts"
import type { Collection, Collections } from "../access/model.ts"
import type { Sink } from "../changes/sink.ts"
import type { Change } from "../core/change.ts"
import type { Query } from "../db/query.ts"
import type { Dispatcher } from "../jobs/dispatch.ts"
import { LOST_AFTER_MS } from "../jobs/enqueue.ts"
import { handOverQueries, takenUpTo } from "../jobs/hand-over.ts"
import { readJsonList } from "../jobs/json-text.ts"
import { EVENT_OF } from "../jobs/reactions.ts"
import { type JobSystem, writeJobs } from "../jobs/system.ts"
import { newId } from "../schema/record-id.ts"
import { toWire } from "../schema/values.ts"
import { chunkMessages, insertDeliveries, type Message } from "./delivery.ts"
import { parseWebhookFilter, shownColumns } from "./events.ts"
import { toTime } from "./webhook.ts"

const SINK = "webhooks"

const LISTENERS: Query = { sql: "SELECT id, events, filter FROM _webhooks WHERE disabled_for IS NULL", params: [] }

/** A webhook, as far as it says what it wants. */
interface Listener {
  readonly id: string
  readonly events: readonly string[]
  filterFor(collection: Collection): FilterNode
}

export function webhookSink(
  collections: Collections,
  system: Pick<JobSystem, "d1" | "now" | "log">,
  dispatcher: Pick<Dispatcher, "send" | "wakeClockBy">,
): Sink {
  const byTable = new Map([...collections.values()].map((collection) => [collection.table.name, collection]))

  async function messagesOf(changes: readonly Change[]): Promise<Message[]> {
    if (!changes.some(({ table }) => byTable.has(table))) return []
    const [rows] = await writeJobs(system, [LISTENERS])
    const listeners = rows!.map((row) => readListener(row as unknown as ListenerRow, system))
    if (listeners.length === 0) return []
    return changes.flatMap((change) => {
      const collection = byTable.get(change.table)
      return collection ? messageOf(change, collection, listeners) : []
    })
  }

  async function store(messages: readonly Message[], before: readonly Query[]): Promise<void> {
    const now = system.now()
    await writeJobs(system, [...before, ...insertDeliveries(messages, now)])
    const ids = messages.flatMap(({ targets }) => targets.map(({ id }) => id))
    await Promise.all([dispatcher.send(ids), dispatcher.wakeClockBy(now + LOST_AFTER_MS)])
  }

  return {
    name: SINK,
    async take(changes) {
      let first = changes[0]!.seq
      for (const chunk of chunkMessages(await messagesOf(changes))) {
        const last = chunk.at(-1)!.position!
        await store(chunk, handOverQueries(SINK, last, first))
        first = last + 1
      }
    },
    async retake(change) {
      for (const chunk of chunkMessages(await messagesOf([change]))) await store(chunk, [])
    },
    position: () => takenUpTo(SINK, system),
  }
}

interface ListenerRow {
  id: string
  events: string
  filter: string | null
}

function readListener({ id, events, filter }: ListenerRow, { log }: Pick<JobSystem, "log">): Listener {
  const parsed = new Map<Collection, FilterNode>()
  return {
    id,
    events: readJsonList(events),
    filterFor(collection) {
      const known = parsed.get(collection)
      if (known) return known
      let node: FilterNode
      try {
        node = parseWebhookFilter(filter === null ? {} : JSON.parse(filter), collection)
      } catch (error) {
        // the schema has moved on since it was registered; without its filter it would get what it never asked for
        log({ level: "error", event: "webhook_filter_broken", webhookId: id, causes: [String(error)] })
        node = NEVER
      }
      parsed.set(collection, node)
      return node
    },
  }
}

function messageOf(change: Change, collection: Collection, listeners: readonly Listener[]): Message[] {
  const event = `${collection.name}.${EVENT_OF[change.op]}`
  const row = (change.after ?? change.before)!
  const targets = listeners
    .filter((listener) => listener.events.includes(event) && matches(listener.filterFor(collection), row))
    .map(({ id }) => ({ id: newId(), webhookId: id }))
  if (targets.length === 0) return []
  const data = Object.fromEntries(
    shownColumns(collection).map((column) => [column.key, toWire(column, row[column.name] ?? null)]),
  )
  const payload = JSON.stringify({ type: event, timestamp: toTime(change.at), data })
  return [{ event, payload, subject: `${collection.name}:${change.recordId}`, position: change.seq, targets }]
}
