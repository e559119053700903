/** Live queries that follow the changes of their table. */

import { type Push, tableTopic } from "../core/live.ts"
import { SelvedgeError } from "../core/problem.ts"
import { formatBookmark } from "../db/bookmark.ts"
import { evaluate, isWhole } from "./evaluate.ts"
import { Followers } from "./followers.ts"
import type { HubContext } from "./hub-context.ts"
import type { Link } from "./links.ts"
import { type ListedAt, readList } from "./list-reads.ts"
import { type Missed, readMissed } from "./missed-changes.ts"
import { Outbox } from "./outbox.ts"
import { type QueryPosition, queryPosition, shortEpoch } from "./position.ts"
import { ifGenuine, sealOf } from "./seal.ts"
import { changeFrame, changeRest, snapshotFrame, snapshotRest } from "./server-frames.ts"
import type { PushedChange, QuerySubscription } from "./subscription.ts"

/** A database that can't answer at the moment. */
const PASSING: readonly string[] = ["overloaded", "timeout"]
const AGAIN_AFTER_MS = 1_000

export class Following {
  readonly #context: HubContext
  readonly #followers = new Followers<QuerySubscription>()
  /** By the SQL name of the table: those that wait for their snapshot. */
  readonly #starting = new Map<string, Set<QuerySubscription>>()
  /** Lists under way, for all who ask the same. */
  readonly #lists = new Map<string, Promise<ListedAt>>()
  readonly #counts = new Map<string, number>()

  constructor(context: HubContext) {
    this.#context = context
  }

  /** How many listen to a table. */
  listening(table: string): number {
    return this.#counts.get(table) ?? 0
  }

  /** Takes up one that was kept, where it has its snapshot. */
  resume(subscription: QuerySubscription): void {
    if (subscription.epoch === "") {
      void this.#beginAnew(subscription)
      return
    }
    this.#count(subscription, 1)
    this.#followers.add(subscription.plan, subscription)
  }

  /** Sends the snapshot, or what was missed since, and then every change. */
  async start(subscription: QuerySubscription, since: QueryPosition | undefined): Promise<void> {
    const { plan } = subscription
    const turn = ++subscription.turn
    subscription.early = []
    this.#count(subscription, 1)
    this.#startingOf(tableOf(subscription)).add(subscription)
    try {
      const link = await this.#context.links.enter(tableTopic(tableOf(subscription)))
      const from = ifGenuine(this.#context, plan, since)
      const missed = from && (await this.#missedSince(subscription, from))
      const snapshot = missed ? undefined : await this.#list(subscription, link)
      if (subscription.turn !== turn) return
      const outbox = new Outbox(this.#context.send)
      if (snapshot) this.#sendSnapshot(outbox, subscription, snapshot)
      if (missed) this.#sendMissed(outbox, subscription, missed, from!.seal)
      this.#goLive(outbox, subscription)
      outbox.flush()
    } catch (error) {
      if (subscription.turn !== turn) return
      this.stop(subscription)
      throw error
    }
  }

  stop(subscription: QuerySubscription): void {
    subscription.turn++
    const table = tableOf(subscription)
    const isStarting = this.#starting.get(table)?.delete(subscription) ?? false
    const isLive = this.#followers.subscribersOf(subscription.plan).has(subscription)
    if (isLive) this.#followers.remove(subscription.plan, subscription)
    if (isStarting || isLive) this.#count(subscription, -1)
  }

  /** Of one table, beyond what the hub has seen. */
  take(table: string, { changes = [], epoch, bookmark: d1 = "" }: Pick<Push, "changes" | "epoch" | "bookmark">): void {
    const outbox = new Outbox(this.#context.send)
    const failed = new Set<QuerySubscription>()
    const fail = (subscribers: ReadonlySet<QuerySubscription>) => {
      for (const subscription of subscribers) failed.add(subscription)
    }
    for (const change of changes) {
      const bookmark = formatBookmark({ epoch, seq: change.seq, d1 })
      for (const subscription of this.#starting.get(table) ?? []) subscription.early!.push({ change, epoch, bookmark })
      const position = queryPosition(epoch, change.seq)
      for (const { subscribers, viewChange } of this.#followers.changed(change, fail)) {
        const rest = changeRest(viewChange, bookmark)
        for (const subscription of subscribers) {
          if (change.seq <= subscription.at || failed.has(subscription)) continue
          outbox.add(
            subscription.connection,
            changeFrame(subscription.id, `${position}.${sealOf(this.#context, subscription)}`, rest),
          )
        }
      }
    }
    outbox.flush()
    for (const subscription of failed) void this.#beginAnew(subscription)
  }

  /** The hub has lost the thread: everybody gets a fresh snapshot. */
  async refresh(table: string): Promise<void> {
    await Promise.all([...this.#everybody(table)].map((subscription) => this.#beginAnew(subscription)))
  }

  /** What it was sent leads no further. A fresh snapshot follows as soon as there is one, also after hibernation. */
  async #beginAnew(subscription: QuerySubscription): Promise<void> {
    this.stop(subscription)
    subscription.epoch = ""
    keep(this.#context, subscription)
    try {
      await this.start(subscription, undefined)
    } catch (error) {
      if (!(error instanceof SelvedgeError) || !PASSING.includes(error.code)) {
        await this.#context.fail(subscription, error)
        return
      }
      const { turn } = subscription
      setTimeout(() => {
        if (subscription.turn === turn) void this.#beginAnew(subscription)
      }, AGAIN_AFTER_MS)
    }
  }

  *#everybody(table: string): Iterable<QuerySubscription> {
    yield* this.#followers.ofTable(table)
    yield* this.#starting.get(table) ?? []
  }

  async #missedSince(subscription: QuerySubscription, since: QueryPosition): Promise<Missed | undefined> {
    const missed = await readMissed(this.#context.d1, [tableOf(subscription)], since.seq)
    const isUsable = missed && shortEpoch(missed.epoch) === since.epoch
    return isUsable && missed.changes.every((change) => isWhole(subscription.plan, change)) ? missed : undefined
  }

  /** Those who ask the same meanwhile get the same answer, if it has seen enough for them. */
  async #list({ plan }: QuerySubscription, link: Link): Promise<ListedAt> {
    const { sort, limit, filterText } = plan.request
    // cursors belong to a filter's own words
    const key = JSON.stringify([plan.view, sort, limit, filterText])
    const reached = link.cursor
    const shared = await this.#lists.get(key)?.catch(() => undefined)
    if (shared && shared.seq >= reached) return shared
    const list = readList(this.#context, plan, limit, () => Math.max(reached, link.cursor))
    this.#lists.set(key, list)
    try {
      return await list
    } finally {
      if (this.#lists.get(key) === list) this.#lists.delete(key)
    }
  }

  #sendSnapshot(outbox: Outbox, subscription: QuerySubscription, list: ListedAt): void {
    const { id, plan, connection } = subscription
    const { epoch, seq, bookmark, records, nextAfter } = list
    subscription.epoch = epoch
    subscription.at = seq
    subscription.seal = undefined
    const rest = textOf(list, () =>
      snapshotRest(
        JSON.stringify(records),
        { next: records.length < plan.request.limit ? null : nextAfter(records.length), previous: null },
        plan.sort,
        bookmark,
      ),
    )
    outbox.add(
      connection,
      snapshotFrame(id, `${queryPosition(epoch, seq)}.${sealOf(this.#context, subscription)}`, rest),
    )
  }

  #sendMissed(outbox: Outbox, subscription: QuerySubscription, missed: Missed, seal: string): void {
    const { epoch, changes, upTo, d1Bookmark } = missed
    subscription.epoch = epoch
    subscription.seal = seal
    for (const change of changes) {
      const bookmark = formatBookmark({ epoch, seq: change.seq, d1: d1Bookmark })
      this.#sendChange(outbox, subscription, { change, epoch, bookmark })
    }
    subscription.at = upTo
  }

  #goLive(outbox: Outbox, subscription: QuerySubscription): void {
    for (const pushed of subscription.early ?? [])
      if (pushed.change.seq > subscription.at) this.#sendChange(outbox, subscription, pushed)
    subscription.early = undefined
    this.#startingOf(tableOf(subscription)).delete(subscription)
    this.#followers.add(subscription.plan, subscription)
    keep(this.#context, subscription)
  }

  #sendChange(outbox: Outbox, subscription: QuerySubscription, { change, epoch, bookmark }: PushedChange): void {
    const { id, plan, connection } = subscription
    const viewChange = evaluate(plan, change)
    if (!viewChange) return
    const position = `${queryPosition(epoch, change.seq)}.${sealOf(this.#context, subscription)}`
    outbox.add(connection, changeFrame(id, position, changeRest(viewChange, bookmark)))
  }

  #startingOf(table: string): Set<QuerySubscription> {
    const known = this.#starting.get(table)
    if (known) return known
    const starting = new Set<QuerySubscription>()
    this.#starting.set(table, starting)
    return starting
  }

  #count(subscription: QuerySubscription, by: number): void {
    const table = tableOf(subscription)
    this.#counts.set(table, this.listening(table) + by)
  }
}

/** Where it stands, so that it goes on from there after hibernation. */
export function keep({ store }: HubContext, subscription: QuerySubscription): void {
  const { connection, id, collection, input, plan, epoch, at } = subscription
  const request = { input, tag: plan.tag }
  store.keepSubscription({ connection: connection.id, id, kind: "query", target: collection, request, epoch, at })
}

function tableOf({ plan }: QuerySubscription): string {
  return plan.collection.table.name
}

const texts = new WeakMap<ListedAt, string>()

/** Made once for all who share a list. */
function textOf(list: ListedAt, make: () => string): string {
  const known = texts.get(list)
  if (known !== undefined) return known
  const text = make()
  texts.set(list, text)
  return text
}
