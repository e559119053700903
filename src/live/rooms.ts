/** Channels as a hub sees them: who has joined, what is said, who is there. */

import { refused } from "../access/visibility.ts"
import { type ChannelMessage, channelTopic, type PresenceEntry, type Push } from "../core/live.ts"
import { SelvedgeError } from "../core/problem.ts"
import { callTopic } from "./call-topic.ts"
import type { HubContext } from "./hub-context.ts"
import { messageText } from "./message-text.ts"
import type { Joined } from "./objects.ts"
import { asOneFrame, Outbox } from "./outbox.ts"
import { channelPosition } from "./position.ts"
import { joinedRest, messageFrame, messageRest, presenceFrame, snapshotFrame } from "./server-frames.ts"
import type { ChannelSubscription } from "./subscription.ts"

/** What a member may tell of itself: everybody is shown it. */
const MOST_PRESENCE_BYTES = 4_096
/** A topic that couldn't be told of a departure is told again. */
const AGAIN_AFTER_MS = 3_000

type Since = { readonly epoch: string; readonly seq: number } | undefined

export class Rooms {
  readonly #context: HubContext
  /** By the name of the channel. */
  readonly #joined = new Map<string, Set<ChannelSubscription>>()

  constructor(context: HubContext) {
    this.#context = context
  }

  listening(name: string): number {
    return this.#joined.get(name)?.size ?? 0
  }

  resume(subscription: ChannelSubscription): void {
    this.#listenersOf(subscription.name).add(subscription)
  }

  /** All that are kept have been taken up. Of those who have left since some topics may not know. */
  restored(): void {
    for (const { channel, connection } of this.#context.store.departures())
      void this.#tellDeparture(channel, connection)
  }

  /** @throws SelvedgeError where the caller may not join, or not be listed. */
  async join(subscription: ChannelSubscription, since: Since): Promise<void> {
    const turn = ++subscription.turn
    const { name, connection } = subscription
    requireJoin(subscription)
    subscription.early = []
    this.#listenersOf(name).add(subscription)
    try {
      // should the hub end now, whoever is listed is known to have been here
      if (subscription.presence !== undefined) this.#keep(subscription)
      const joined = await this.#enter(subscription, since)
      if (subscription.turn !== turn) return this.#part(subscription)
      this.#context.links.joined(channelTopic(name), joined)
      this.#show(subscription, joined)
      this.#takeEarly(subscription)
      connection.joinedChannel(this.#context.now())
      this.#keep(subscription)
    } catch (error) {
      if (subscription.turn !== turn) return
      await this.leave(subscription)
      throw error
    }
  }

  async leave(subscription: ChannelSubscription): Promise<void> {
    const { name } = subscription
    subscription.turn++
    const listeners = this.#joined.get(name)
    listeners?.delete(subscription)
    if (listeners?.size === 0) {
      this.#joined.delete(name)
      // the topic learns of it with its next push
      this.#context.links.forget(channelTopic(name))
    }
    await this.#part(subscription)
  }

  /** Its caller is another, or may do other things. */
  async rebind(subscription: ChannelSubscription, memberBefore: string): Promise<void> {
    requireJoin(subscription)
    const { connection, name, presence } = subscription
    if (presence === undefined || connection.member.id === memberBefore) return
    const { hub, links } = this.#context
    const member = { ...connection.member, data: presence }
    await callTopic(() => links.stub(channelTopic(name)).present(hub, connection.id, member))
  }

  /** Takes a socket's member off the list. */
  async #part({ connection, name, presence }: ChannelSubscription): Promise<void> {
    if (presence === undefined) return
    this.#context.store.keepDeparture(name, connection.id)
    await this.#tellDeparture(name, connection.id)
  }

  /** Until the topic knows it, or the socket is listed there again. */
  async #tellDeparture(name: string, connection: string): Promise<void> {
    const { hub, links, store, log } = this.#context
    try {
      if (!this.#isListed(name, connection))
        await callTopic(() => links.stub(channelTopic(name)).present(hub, connection, undefined))
      store.dropDeparture(name, connection)
    } catch (error) {
      log({ level: "error", event: "leave_not_told", causes: [String((error as Error).cause ?? error)] })
      setTimeout(() => void this.#tellDeparture(name, connection), AGAIN_AFTER_MS)
    }
  }

  /** One socket may have joined under several ids. */
  #isListed(name: string, connection: string): boolean {
    const listeners = this.#joined.get(name)?.values()
    return listeners?.some((other) => other.connection.id === connection && other.presence !== undefined) ?? false
  }

  /** @returns The message's place. @throws SelvedgeError */
  async publish(subscription: ChannelSubscription, event: string, data: unknown): Promise<string> {
    const { connection, channel, name, params } = subscription
    if (!channel.mayPublish(connection.caller, params)) throw refused(connection.caller)
    const order = {
      history: channel.history,
      event,
      data: messageText(channel.check(event, data)),
      from: connection.member,
    }
    const { epoch, seq } = await callTopic(() => this.#context.links.stub(channelTopic(name)).publish(order))
    return channelPosition(epoch, seq)
  }

  /** @throws SelvedgeError */
  async present(subscription: ChannelSubscription, data: unknown): Promise<void> {
    const { connection, name } = subscription
    const presence = presenceText(data)
    requirePresence(subscription)
    const member = { ...connection.member, data: presence }
    const { hub, links } = this.#context
    // first: nobody knows of a call that fails whether the topic lists it
    subscription.presence = presence
    this.#keep(subscription)
    await callTopic(() => links.stub(channelTopic(name)).present(hub, connection.id, member))
  }

  /** Beyond what the hub has seen, in order. */
  take(name: string, epoch: string, { messages = [], presence = [] }: Pick<Push, "messages" | "presence">): void {
    const outbox = new Outbox(this.#context.send)
    const rests = messages.map(messageRest)
    const frameOf = (id: string, at: number) => messageFrame(id, channelPosition(epoch, messages[at]!.seq), rests[at]!)
    /** By the id of the subscription: many sockets are due the very same. */
    const wholes = new Map<string, string>()
    for (const subscription of this.#joined.get(name) ?? []) {
      const { connection, id, early } = subscription
      if (early) {
        early.push({ epoch, messages, presence })
        continue
      }
      const seen = subscription.epoch === epoch ? subscription.at : 0
      const isDueAll = messages.length > 0 && messages[0]!.seq > seen
      if (isDueAll && presence.length === 0) {
        const whole = wholes.get(id) ?? asOneFrame(messages.map((_, at) => frameOf(id, at)))
        wholes.set(id, whole)
        this.#context.send(connection, whole)
        continue
      }
      for (const [at, { seq }] of messages.entries()) if (seq > seen) outbox.add(connection, frameOf(id, at))
      this.#tellPresence(outbox, subscription, presence)
    }
    outbox.flush()
  }

  /** What was missed can't be got any more: everybody begins anew. */
  async refresh(name: string): Promise<void> {
    await Promise.all([...(this.#joined.get(name) ?? [])].map((subscription) => this.#beginAnew(subscription)))
  }

  async #beginAnew(subscription: ChannelSubscription): Promise<void> {
    const { turn } = subscription
    subscription.early = []
    const joined = await this.#enter(subscription, undefined)
    if (subscription.turn !== turn) return this.#part(subscription)
    this.#show(subscription, { ...joined, isResumed: false })
    this.#takeEarly(subscription)
  }

  async #enter(subscription: ChannelSubscription, since: Since): Promise<Joined> {
    const { connection, channel, name, presence } = subscription
    const { hub, links } = this.#context
    const member = presence === undefined ? undefined : { ...connection.member, data: presence }
    const order = { hub, connection: connection.id, history: channel.history, member, since }
    return callTopic(() => links.stub(channelTopic(name)).join(order))
  }

  #show(subscription: ChannelSubscription, joined: Joined): void {
    const { connection, id, channel, params } = subscription
    const { epoch, last, isResumed, messages, members, presenceVersion } = joined
    subscription.epoch = epoch
    subscription.at = last
    subscription.presenceVersion = presenceVersion
    const seesMembers = channel.mayBePresent(connection.caller, params)
    const seqOf = ({ seq }: ChannelMessage) => channelPosition(epoch, seq)
    if (!isResumed) {
      const rest = joinedRest(seesMembers ? members : [], messages, seqOf)
      this.#context.send(connection, snapshotFrame(id, channelPosition(epoch, last), rest))
      return
    }
    const outbox = new Outbox(this.#context.send)
    for (const message of messages) outbox.add(connection, messageFrame(id, seqOf(message), messageRest(message)))
    if (seesMembers)
      outbox.add(
        connection,
        presenceFrame(
          id,
          members.map((member) => ({ kind: "joined", member })),
        ),
      )
    outbox.flush()
  }

  #takeEarly(subscription: ChannelSubscription): void {
    const outbox = new Outbox(this.#context.send)
    for (const { epoch, messages, presence } of subscription.early ?? []) {
      for (const message of messages) {
        // of another log the link tells more
        if (epoch !== subscription.epoch || message.seq <= subscription.at) continue
        outbox.add(
          subscription.connection,
          messageFrame(subscription.id, channelPosition(epoch, message.seq), messageRest(message)),
        )
      }
      this.#tellPresence(outbox, subscription, presence)
    }
    subscription.early = undefined
    outbox.flush()
  }

  /** All but those who joined within the last moment see the same. */
  #tellPresence(outbox: Outbox, subscription: ChannelSubscription, presence: readonly PresenceEntry[]): void {
    const { connection, id, channel, params, presenceVersion } = subscription
    if (presence.length === 0 || !channel.mayBePresent(connection.caller, params)) return
    const news = presence.filter(({ version }) => version > presenceVersion)
    if (news.length > 0) outbox.add(connection, presenceFrame(id, news))
  }

  #keep({ connection, id, name, presence, epoch, at }: ChannelSubscription): void {
    const request = presence === undefined ? {} : { presence }
    this.#context.store.keepSubscription({
      connection: connection.id,
      id,
      kind: "channel",
      target: name,
      request,
      epoch,
      at,
    })
  }

  #listenersOf(name: string): Set<ChannelSubscription> {
    const known = this.#joined.get(name)
    if (known) return known
    const listeners = new Set<ChannelSubscription>()
    this.#joined.set(name, listeners)
    return listeners
  }
}

/** JSON text. @throws SelvedgeError `payload_too_large` */
export function presenceText(data: unknown): string {
  const text = JSON.stringify(data ?? null)
  if (text.length > MOST_PRESENCE_BYTES)
    throw new SelvedgeError("payload_too_large", `A member may tell ${MOST_PRESENCE_BYTES} characters of itself.`)
  return text
}

function requireJoin(subscription: ChannelSubscription): void {
  const { connection, channel, params } = subscription
  if (!channel.mayJoin(connection.caller, params)) throw refused(connection.caller)
  if (subscription.presence !== undefined) requirePresence(subscription)
}

function requirePresence({ connection, channel, params }: ChannelSubscription): void {
  if (!channel.mayBePresent(connection.caller, params)) throw refused(connection.caller)
}
