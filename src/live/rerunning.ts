/** Live queries through relations: run again after changes, once for all who ask the same, and told by what differs. */

import { type Push, tableTopic } from "../core/live.ts"
import { wait } from "../core/wait.ts"
import type { WireRecord } from "../query/projection.ts"
import { differences, type ListedRecord, pictureOf } from "./differences.ts"
import { keep } from "./following.ts"
import type { HubContext } from "./hub-context.ts"
import { Lanes } from "./lanes.ts"
import { type ListedAt, readList } from "./list-reads.ts"
import { type Missed, readMissed } from "./missed-changes.ts"
import { Outbox } from "./outbox.ts"
import type { LivePlan } from "./plan.ts"
import { type QueryPosition, queryPosition, shortEpoch } from "./position.ts"
import { ifGenuine, sealOf } from "./seal.ts"
import { changeFrame, changeRest, snapshotFrame, snapshotRest } from "./server-frames.ts"
import type { QuerySubscription } from "./subscription.ts"

const MOST_RECORDS = 1_000
/** At most one run in this time. */
const RUN_EVERY_MS = 250
const AGAIN_AFTER_MS = 1_000
/** Of one hub, at a time: who asks much waits, and the database isn't flooded. */
const MOST_RUNS = 6

/** What one run gave. */
interface Run {
  readonly list: ListedAt
  readonly records: readonly ListedRecord[]
}

/** Those who ask the same, in the same order. */
interface Group {
  readonly key: string
  readonly tables: readonly string[]
  readonly subscribers: Set<QuerySubscription>
  /** Those who wait for a run that begins after they came. */
  readonly starting: Set<QuerySubscription>
  /** By id, a hash of each record; undefined before the first run. */
  picture: ReadonlyMap<string, string> | undefined
  epoch: string
  at: number
  /** A change that the next run must have seen. */
  mustReach: number
  ranAt: number
  running: Promise<Run> | undefined
  /** After a failure another run follows. */
  isRetrying: boolean
  /** The run after the one under way. */
  next: Promise<Run> | undefined
}

export class Rerunning {
  readonly #context: HubContext
  readonly #groups = new Map<string, Group>()
  readonly #lanes = new Lanes(MOST_RUNS)

  constructor(context: HubContext) {
    this.#context = context
  }

  listening(table: string): number {
    let count = 0
    for (const { tables, subscribers, starting } of this.#groups.values())
      if (tables.includes(table)) count += subscribers.size + starting.size
    return count
  }

  /** Takes up one that was kept. What was pushed before the hub slept may not have been looked at. */
  resume(subscription: QuerySubscription): void {
    const group = this.#groupOf(subscription)
    group.subscribers.add(subscription)
    if (!group.picture || this.#pushedUpTo(group) > group.at) this.#runSoon(group)
  }

  /** All that are kept have been taken up: what nobody asks any more ended with an object. */
  restored(): void {
    this.#context.store.dropOtherResults([...this.#groups.keys()])
  }

  async start(subscription: QuerySubscription, since: QueryPosition | undefined): Promise<void> {
    const { d1, links } = this.#context
    const turn = ++subscription.turn
    subscription.epoch = ""
    const group = this.#groupOf(subscription)
    group.starting.add(subscription)
    try {
      await Promise.all(group.tables.map((table) => links.enter(tableTopic(table))))
      const from = ifGenuine(this.#context, subscription.plan, since)
      const missed = from && (await readMissed(d1, group.tables, from.seq))
      group.mustReach = Math.max(group.mustReach, missed?.upTo ?? 0)
      const { list, records } = await this.#runAfterNow(group)
      if (subscription.turn !== turn) return
      subscription.epoch = list.epoch
      subscription.at = list.seq
      group.starting.delete(subscription)
      group.subscribers.add(subscription)
      const isSame = missed && isUnchanged(missed, from!, list)
      subscription.seal = isSame ? from!.seal : undefined
      if (!isSame) this.#context.send(subscription.connection, this.#snapshotOf(subscription, list, records))
      keep(this.#context, subscription)
    } catch (error) {
      if (subscription.turn !== turn) return
      this.stop(subscription)
      throw error
    }
  }

  stop(subscription: QuerySubscription): void {
    subscription.turn++
    const group = this.#groups.get(keyOf(subscription))
    group?.starting.delete(subscription)
    group?.subscribers.delete(subscription)
    if (!group || group.starting.size + group.subscribers.size > 0) return
    this.#groups.delete(group.key)
    this.#context.store.dropResult(group.key)
  }

  take(table: string, { changes = [] }: Pick<Push, "changes">): void {
    const newest = changes.at(-1)?.seq ?? Number.POSITIVE_INFINITY
    for (const group of this.#groups.values())
      if (group.tables.includes(table) && group.at < newest) this.#runSoon(group)
  }

  /** Another history of the database, or a hole that can't be filled. */
  refresh(table: string): void {
    for (const group of this.#groups.values()) {
      if (!group.tables.includes(table)) continue
      // what it has seen may be of another history, whose numbers were higher
      group.at = 0
      group.mustReach = 0
      this.#runSoon(group)
    }
  }

  #groupOf(subscription: QuerySubscription): Group {
    const key = keyOf(subscription)
    const known = this.#groups.get(key)
    if (known) return known
    const stored = this.#context.store.result(key)
    const group: Group = {
      key,
      tables: subscription.plan.tables,
      subscribers: new Set(),
      starting: new Set(),
      picture: stored?.records,
      epoch: stored?.epoch ?? "",
      at: stored?.at ?? 0,
      mustReach: 0,
      ranAt: 0,
      running: undefined,
      isRetrying: false,
      next: undefined,
    }
    this.#groups.set(key, group)
    return group
  }

  #runSoon(group: Group): void {
    this.#runAfterNow(group).catch((error: unknown) => {
      if (this.#groups.get(group.key) !== group || group.isRetrying) return
      this.#context.report(error)
      group.isRetrying = true
      setTimeout(() => {
        group.isRetrying = false
        this.#runSoon(group)
      }, AGAIN_AFTER_MS)
    })
  }

  /** A run that begins after the call; all who call meanwhile share it. */
  #runAfterNow(group: Group): Promise<Run> {
    group.next ??= this.#afterTheLast(group).then(() => {
      group.next = undefined
      group.running = this.#lanes
        .run(() => this.#run(group))
        .finally(() => {
          group.running = undefined
        })
      return group.running
    })
    return group.next
  }

  async #afterTheLast(group: Group): Promise<void> {
    await group.running?.catch(() => {})
    const waitMs = Math.min(RUN_EVERY_MS, group.ranAt + RUN_EVERY_MS - this.#context.now())
    if (waitMs > 0) await wait(waitMs)
    group.ranAt = this.#context.now()
  }

  async #run(group: Group): Promise<Run> {
    const [asker] = [...group.subscribers, ...group.starting]
    if (!asker) throw new Error("nobody listens any more")
    // never back to what was told already
    const reached = () => Math.max(group.at, group.mustReach, this.#pushedUpTo(group))
    const list = await readList(this.#context, withIds(asker.plan), MOST_RECORDS, reached)
    const records = list.records.map((record) => toListed(asker.plan, record))
    this.#tell(group, list, records)
    return { list, records }
  }

  /** The newest change of its tables that the hub was pushed. */
  #pushedUpTo({ tables }: Group): number {
    const { links } = this.#context
    return Math.max(...tables.map((table) => links.get(tableTopic(table))?.cursor ?? 0))
  }

  #tell(group: Group, list: ListedAt, records: readonly ListedRecord[]): void {
    const { epoch, seq, bookmark } = list
    const { picture } = group
    const changes = picture && group.epoch === epoch ? differences(picture, records) : undefined
    const outbox = new Outbox(this.#context.send)
    for (const subscription of group.subscribers) {
      const { connection, id } = subscription
      subscription.epoch = epoch
      subscription.at = seq
      if (!changes) {
        subscription.seal = undefined
        outbox.add(connection, this.#snapshotOf(subscription, list, records))
      }
      const position = `${queryPosition(epoch, seq)}.${sealOf(this.#context, subscription)}`
      for (const change of changes ?? [])
        outbox.add(connection, changeFrame(id, position, changeRest(change, bookmark)))
    }
    outbox.flush()
    group.epoch = epoch
    group.at = seq
    if (changes?.length === 0) return
    group.picture = pictureOf(records)
    if (this.#groups.get(group.key) !== group) return
    this.#context.store.keepResult(group.key, { epoch, at: seq, records: group.picture })
  }

  #snapshotOf(subscription: QuerySubscription, list: ListedAt, records: readonly ListedRecord[]): string {
    const { id, plan } = subscription
    const { limit } = plan.request
    const shown = records.slice(0, limit).map(({ json }) => json)
    const page = { next: records.length < limit ? null : list.nextAfter(limit), previous: null }
    const rest = snapshotRest(`[${shown.join()}]`, page, plan.sort, list.bookmark)
    return snapshotFrame(id, `${queryPosition(list.epoch, list.seq)}.${sealOf(this.#context, subscription)}`, rest)
  }
}

/** Whether nothing has happened between the place that a client comes back to and the list. */
function isUnchanged({ epoch, changes, upTo }: Missed, since: QueryPosition, list: ListedAt): boolean {
  return epoch === list.epoch && shortEpoch(epoch) === since.epoch && changes.length === 0 && list.seq === upTo
}

/** The order belongs to it, since only so many records are looked at, and the filter's own words, since cursors do. */
function keyOf({ plan }: QuerySubscription): string {
  return JSON.stringify([plan.view, plan.request.sort ?? "", plan.request.filterText])
}

/** Records are told apart by their ids, also where the client doesn't want these. */
function withIds(plan: LivePlan): LivePlan {
  const { request } = plan
  return request.fields ? { ...plan, request: { ...request, fields: [...request.fields, "id"] } } : plan
}

function toListed({ request }: LivePlan, record: WireRecord): ListedRecord {
  const { id, ...rest } = record
  const isShown = !request.fields || request.fields.includes("id")
  return { id: id as string, json: JSON.stringify(isShown ? record : rest) }
}
