/** The topics that a hub listens to, and how far it has followed each. */

import type { Clock } from "../core/clock.ts"
import { CALLERS_TOPIC } from "../core/live.ts"
import { callTopic } from "./call-topic.ts"
import type { HubStore } from "./hub-store.ts"
import type { Entered, LiveNamespace, TopicStub } from "./objects.ts"

/** A topic that couldn't reach the hub for long has forgotten it; whoever subscribes then makes it known again. */
const ENTERED_MS = 60_000

export interface Link {
  readonly name: string
  /** Empty before the topic's first item. */
  epoch: string
  cursor: number
  /** Pushes are taken one after the other. */
  tail: Promise<unknown>
  enteredAt: number
  entering: Promise<void> | undefined
}

export interface LinksOptions {
  readonly hub: string
  readonly topics: LiveNamespace<TopicStub>
  readonly store: HubStore
  readonly now: Clock
  /** Where the log of the database stands. */
  readonly newest: () => Promise<Entered>
  /** Told when a topic stands further on than the hub, although nothing was pushed. */
  readonly behind: (link: Link, entered: Entered) => void
}

export class Links {
  readonly #options: LinksOptions
  readonly #links = new Map<string, Link>()

  constructor(options: LinksOptions) {
    this.#options = options
    for (const { name, epoch, cursor } of options.store.topics()) this.#add(name, epoch, cursor)
  }

  get(name: string): Link | undefined {
    return this.#links.get(name)
  }

  stub(name: string): TopicStub {
    return this.#options.topics.getByName(name)
  }

  /** Resolves when whatever comes after the link's cursor is pushed to this hub. */
  async enter(name: string): Promise<Link> {
    const { now } = this.#options
    const known = this.#links.get(name)
    if (known && now() - known.enteredAt < ENTERED_MS) {
      await known.entering
      return known
    }
    const link = known ?? this.#add(name, "", -1)
    link.enteredAt = now()
    link.entering = this.#enterTopic(link)
    try {
      await link.entering
    } catch (error) {
      link.enteredAt = 0
      if (link.cursor < 0) this.#links.delete(name)
      throw error
    } finally {
      link.entering = undefined
    }
    return link
  }

  async #enterTopic(link: Link): Promise<void> {
    const entered = await callTopic(() => this.stub(link.name).enter(this.#options.hub))
    // whoever signs in is looked at after this
    const isNew = link.name === CALLERS_TOPIC && link.cursor < 0
    this.entered(link, entered.isUnsure && !isNew ? await this.#options.newest() : entered)
  }

  /** @returns The link to a channel that was joined. */
  joined(name: string, entered: Entered): Link {
    const link = this.#links.get(name) ?? this.#add(name, "", -1)
    link.enteredAt = this.#options.now()
    this.entered(link, entered)
    return link
  }

  entered(link: Link, entered: Entered): void {
    if (link.cursor < 0) this.moveTo(link, entered.epoch, entered.last)
    else if (entered.last > link.cursor || entered.epoch !== link.epoch) this.#options.behind(link, entered)
  }

  moveTo(link: Link, epoch: string, cursor: number): void {
    link.epoch = epoch
    link.cursor = cursor
    // it may have been forgotten while something of it was awaited
    if (this.#links.get(link.name) === link) this.#options.store.keepTopic(link)
  }

  forget(name: string): void {
    this.#links.delete(name)
    this.#options.store.dropTopic(name)
  }

  #add(name: string, epoch: string, cursor: number): Link {
    const link: Link = { name, epoch, cursor, tail: Promise.resolve(), enteredAt: 0, entering: undefined }
    this.#links.set(name, link)
    return link
  }
}
