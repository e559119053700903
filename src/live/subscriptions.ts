/** What sockets listen to, kept so that it goes on after hibernation. */

import type { Caller } from "../core/caller.ts"
import { SelvedgeError } from "../core/problem.ts"
import { findChannel } from "./channels.ts"
import type { FrameOf } from "./client-frames.ts"
import type { Connection } from "./connection.ts"
import type { HubContext } from "./hub-context.ts"
import type { StoredMember, StoredQuery, StoredSubscription } from "./hub-store.ts"
import { type LiveInput, planLive } from "./plan.ts"
import { readChannelPosition, readQueryPosition } from "./position.ts"
import type { Queries } from "./queries.ts"
import { presenceText, type Rooms } from "./rooms.ts"
import { problemFrame } from "./server-frames.ts"
import { Shared } from "./shared.ts"
import type { ChannelSubscription, QuerySubscription, Subscription } from "./subscription.ts"

/** Characters of what all clients' subscriptions ask for; what is made of them takes some times as much memory. */
const KEPT = { most: 8 * 1024 * 1024, share: 8 * 1024 }
const LEAST_SIZE = 64
const RETRY_AFTER_S = 5

export class Subscriptions {
  readonly #context: HubContext
  readonly #queries: Queries
  readonly #rooms: Rooms
  readonly #all = new Map<Connection, Map<string, Subscription>>()
  readonly #kept = new Shared(KEPT)

  constructor(context: HubContext, queries: Queries, rooms: Rooms) {
    this.#context = context
    this.#queries = queries
    this.#rooms = rooms
  }

  get hasRoom(): boolean {
    return !this.#kept.isUsedUp
  }

  /** How many a socket has beside the one of this id. */
  count(connection: Connection, id: string): number {
    const own = this.#all.get(connection)
    return own ? own.size - (own.has(id) ? 1 : 0) : 0
  }

  isInChannel(connection: Connection): boolean {
    return (
      this.#all
        .get(connection)
        ?.values()
        .some(({ kind }) => kind === "channel") ?? false
    )
  }

  /** @throws SelvedgeError */
  async query(connection: Connection, frame: FrameOf<"query">): Promise<void> {
    const { id, collection, query = {}, search, since } = frame
    await this.end(connection, id)
    const subscription = this.#newQuery(connection, id, collection, search === undefined ? { query } : { search })
    await this.#begin(subscription, () => this.#queries.start(subscription, readQueryPosition(since)))
  }

  /** @throws SelvedgeError */
  async join(connection: Connection, { id, channel, since, presence }: FrameOf<"join">): Promise<void> {
    await this.end(connection, id)
    const told = presence === undefined || presence === null ? undefined : presenceText(presence)
    const subscription = this.#newRoom(connection, id, channel, told)
    await this.#begin(subscription, () => this.#rooms.join(subscription, readChannelPosition(since)))
  }

  /** @returns The message's place. @throws SelvedgeError */
  publish(connection: Connection, { id, event, data }: FrameOf<"publish">): Promise<string> {
    return this.#rooms.publish(this.#roomOf(connection, id), event, data)
  }

  /** @throws SelvedgeError */
  present(connection: Connection, { id, data }: FrameOf<"presence">): Promise<void> {
    return this.#rooms.present(this.#roomOf(connection, id), data)
  }

  async end(connection: Connection, id: string): Promise<void> {
    const subscription = this.#all.get(connection)?.get(id)
    if (!subscription) return
    this.#forget(subscription)
    await this.#stop(subscription)
  }

  async endAll(connection: Connection): Promise<void> {
    const own = [...(this.#all.get(connection)?.values() ?? [])]
    this.#all.delete(connection)
    for (const subscription of own) this.#kept.give(connection, sizeOf(subscription))
    if (own.length > 0) this.#context.store.dropConnection(connection.id)
    await Promise.all(own.map((subscription) => this.#stop(subscription)))
  }

  /** Who the caller is, or what it may do, is no longer the same: each subscription is looked at anew. */
  async rebind(connection: Connection, memberBefore: string): Promise<void> {
    const own = [...(this.#all.get(connection)?.values() ?? [])]
    // all at once: none goes on as before while another begins anew
    await Promise.all(own.map((subscription) => this.#rebindOne(subscription, memberBefore)))
  }

  async #rebindOne(subscription: Subscription, memberBefore: string): Promise<void> {
    try {
      if (subscription.kind === "channel") await this.#rooms.rebind(subscription, memberBefore)
      else await this.#queries.rebind(subscription, this.#planOf(subscription, subscription.connection.caller))
    } catch (error) {
      await this.fail(subscription, error)
    }
  }

  /** It can't go on: it ends, and its client is told why. */
  async fail(subscription: Subscription, error: unknown): Promise<void> {
    const { connection, id } = subscription
    if (this.#all.get(connection)?.get(id) !== subscription) return
    await this.end(connection, id)
    this.#context.report(error)
    this.#context.send(connection, problemFrame(error, connection.id, { id }))
  }

  /** @returns Those whose subscriptions can't be taken up, or show other things: definitions have changed. */
  restore(connections: readonly Connection[]): ReadonlySet<Connection> {
    const byId = new Map(connections.map((connection) => [connection.id, connection]))
    const lost = new Set<Connection>()
    for (const stored of this.#context.store.subscriptions()) {
      const connection = byId.get(stored.connection)
      if (!connection) this.#forgetLost(stored)
      else if (!this.#resume(connection, stored)) {
        lost.add(connection)
        this.#forgetLost(stored)
      }
    }
    this.#queries.restored()
    this.#rooms.restored()
    return lost
  }

  /** Its socket ended with the object that held it. */
  #forgetLost({ connection, id, kind, target, request }: StoredSubscription): void {
    this.#context.store.dropSubscription(connection, id)
    const isListed = kind === "channel" && (request as StoredMember).presence !== undefined
    if (isListed) this.#context.store.keepDeparture(target, connection)
  }

  #resume(connection: Connection, { id, kind, target, request, epoch, at }: StoredSubscription): boolean {
    try {
      if (kind === "query") {
        const { input, tag } = request as StoredQuery
        const subscription = { ...this.#newQuery(connection, id, target, input), epoch, at }
        if (subscription.plan.tag !== tag) return false
        this.#kept.add(connection, sizeOf(subscription))
        this.#add(subscription)
        this.#queries.resume(subscription)
      } else {
        const { presence } = request as StoredMember
        // it hadn't joined yet
        if (epoch === "") return false
        const subscription = { ...this.#newRoom(connection, id, target, presence), epoch, at }
        this.#kept.add(connection, sizeOf(subscription))
        this.#add(subscription)
        this.#rooms.resume(subscription)
      }
      return true
    } catch (error) {
      this.#context.report(error)
      return false
    }
  }

  async #begin(subscription: Subscription, start: () => Promise<void>): Promise<void> {
    // it may have gone while another subscription ended
    if (!subscription.connection.isOpen) return
    if (!this.#kept.take(subscription.connection, sizeOf(subscription)))
      throw new SelvedgeError("overloaded", "No more can be listened to at the moment.", {
        headers: { "Retry-After": String(RETRY_AFTER_S) },
      })
    this.#add(subscription)
    try {
      await start()
    } catch (error) {
      this.#forget(subscription)
      throw error
    }
  }

  #add(subscription: Subscription): void {
    const { connection, id } = subscription
    const own = this.#all.get(connection)
    if (own) own.set(id, subscription)
    else this.#all.set(connection, new Map([[id, subscription]]))
  }

  #forget(subscription: Subscription): void {
    const { connection, id } = subscription
    const own = this.#all.get(connection)
    if (own?.get(id) !== subscription) return
    own.delete(id)
    this.#kept.give(connection, sizeOf(subscription))
    this.#context.store.dropSubscription(connection.id, id)
  }

  async #stop(subscription: Subscription): Promise<void> {
    if (subscription.kind === "query") this.#queries.stop(subscription)
    else await this.#rooms.leave(subscription)
  }

  #newQuery(connection: Connection, id: string, collection: string, input: LiveInput): QuerySubscription {
    const plan = planLive(this.#context.collections, connection.caller, collection, input)
    return {
      kind: "query",
      connection,
      id,
      turn: 0,
      collection,
      input,
      plan,
      epoch: "",
      at: 0,
      seal: undefined,
      early: undefined,
    }
  }

  #planOf({ collection, input }: QuerySubscription, caller: Caller) {
    return planLive(this.#context.collections, caller, collection, input)
  }

  #newRoom(connection: Connection, id: string, name: string, presence: string | undefined): ChannelSubscription {
    const found = findChannel(this.#context.channels, name)
    if (!found) throw new SelvedgeError("not_found", "There is no such channel.")
    const common = { kind: "channel", connection, id, turn: 0, name, presence } as const
    return { ...common, ...found, epoch: "", at: 0, presenceVersion: 0, early: undefined }
  }

  /** @throws SelvedgeError `not_found` */
  #roomOf(connection: Connection, id: string): ChannelSubscription {
    const subscription = this.#all.get(connection)?.get(id)
    if (subscription?.kind !== "channel") throw new SelvedgeError("not_found", "There is no channel under this id.")
    return subscription
  }
}

/** Of what it was begun with. */
function sizeOf(subscription: Subscription): number {
  const { id } = subscription
  const asked = subscription.kind === "query" ? JSON.stringify(subscription.input) : subscription.name
  return LEAST_SIZE + id.length + asked.length
}
