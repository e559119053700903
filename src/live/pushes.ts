/** What topics push, taken in their order; what was missed is got from the log first. */

import { CALLERS_TOPIC, type Push } from "../core/live.ts"
import type { HubContext } from "./hub-context.ts"
import type { Link } from "./links.ts"
import { readMissed } from "./missed-changes.ts"
import type { Queries } from "./queries.ts"
import type { Rooms } from "./rooms.ts"

const TABLE = /^table:(.*)$/s
const CHANNEL = /^channel:(.*)$/s

/** @param ids Of accounts, sessions and keys; undefined: nobody knows whose. */
type Recheck = (ids: ReadonlySet<string> | undefined) => Promise<void>

export class Pushes {
  readonly #context: HubContext
  readonly #queries: Queries
  readonly #rooms: Rooms
  readonly #recheck: Recheck

  constructor(context: HubContext, queries: Queries, rooms: Rooms, recheck: Recheck) {
    this.#context = context
    this.#queries = queries
    this.#rooms = rooms
    this.#recheck = recheck
  }

  /**
   * @param signedIn How many sockets have a caller.
   * @returns How many sockets listen to the topic.
   */
  async take(push: Push, signedIn: () => number): Promise<number> {
    const { links } = this.#context
    if (this.#listening(push.topic, signedIn) > 0) {
      const link = links.get(push.topic) ?? links.joined(push.topic, { epoch: push.epoch, last: push.previous })
      const taking = link.tail.then(() => this.#takeNext(link, push))
      link.tail = taking.catch(() => {})
      await taking
    }
    const listening = this.#listening(push.topic, signedIn)
    // the topic forgets the hub as well
    if (listening === 0) links.forget(push.topic)
    return listening
  }

  async #takeNext(link: Link, push: Push): Promise<void> {
    // pushed before the topic's answer to the hub that enters: whoever waits for that has seen nothing yet
    if (link.cursor < 0) this.#context.links.moveTo(link, push.epoch, push.previous)
    // a topic that was told nothing yet has no epoch
    const isOther = push.isReset === true || (link.epoch !== push.epoch && link.epoch !== "" && push.epoch !== "")
    const isKnown = !isOther && push.last <= link.cursor
    if (isKnown && !push.presence) return
    const table = TABLE.exec(link.name)?.[1]
    const channel = CHANNEL.exec(link.name)?.[1]
    if (link.name === CALLERS_TOPIC) await this.#takeCallers(link, push, isOther)
    else if (table !== undefined) await this.#takeTable(link, push, table, isOther)
    else if (channel !== undefined) await this.#takeChannel(link, push, channel, isOther)
    if (isOther || push.last > link.cursor) this.#context.links.moveTo(link, push.epoch, push.last)
  }

  async #takeCallers(link: Link, push: Push, isOther: boolean): Promise<void> {
    if (isOther || push.previous > link.cursor) return this.#recheck(undefined)
    await this.#recheck(new Set(push.callers?.map(({ id }) => id)))
  }

  async #takeTable(link: Link, push: Push, table: string, isOther: boolean): Promise<void> {
    if (isOther) {
      this.#context.links.moveTo(link, push.epoch, push.last)
      return this.#queries.refresh(table)
    }
    if (push.previous > link.cursor) {
      const missed = await readMissed(this.#context.d1, [table], link.cursor)
      if (missed?.epoch !== push.epoch) {
        this.#context.links.moveTo(link, push.epoch, push.last)
        return this.#queries.refresh(table)
      }
      this.#queries.take(table, { ...push, changes: missed.changes, bookmark: missed.d1Bookmark })
      this.#context.links.moveTo(link, push.epoch, missed.upTo)
    }
    const changes = push.changes?.filter(({ seq }) => seq > link.cursor) ?? []
    if (changes.length > 0) this.#queries.take(table, { ...push, changes })
  }

  async #takeChannel(link: Link, push: Push, channel: string, isOther: boolean): Promise<void> {
    const { links } = this.#context
    // the topic has taken its members off the list
    if (push.isReset) return this.#rooms.refresh(channel)
    let seen = isOther ? 0 : link.cursor
    if (push.previous > seen) {
      const { epoch, messages, isWhole } = await links.stub(link.name).missed(seen)
      if (!isWhole || epoch !== push.epoch) return this.#rooms.refresh(channel)
      this.#rooms.take(channel, epoch, { messages })
      seen = Math.max(push.previous, messages.at(-1)?.seq ?? 0)
      links.moveTo(link, epoch, seen)
    }
    const messages = push.messages?.filter(({ seq }) => seq > seen) ?? []
    this.#rooms.take(channel, push.epoch, { ...push, messages })
  }

  #listening(topic: string, signedIn: () => number): number {
    if (topic === CALLERS_TOPIC) return signedIn()
    const table = TABLE.exec(topic)?.[1]
    if (table !== undefined) return this.#queries.listening(table)
    return this.#rooms.listening(CHANNEL.exec(topic)?.[1] ?? "")
  }
}
