/** A topic as a Durable Object: numbers what is published, knows its hubs and who is present, and pushes to the hubs. */

import { DurableObject } from "cloudflare:workers"
import { channelTopic, type PresentMember } from "../core/live.ts"
import { inTime, wait } from "../core/wait.ts"
import { FanOut } from "./fan-out.ts"
import { FeedLog } from "./feed-log.ts"
import { Members } from "./members.ts"
import { MessageLog } from "./message-log.ts"
import type {
  Entered,
  HubStub,
  Joined,
  JoinOrder,
  LiveNamespace,
  Missed,
  PublishOrder,
  PushOrder,
  TopicStub,
} from "./objects.ts"
import { Presence } from "./presence.ts"

/** The feed waits for hubs no longer; they get what they are due without it. */
const FEED_WAITS_MS = 1_000
/** Changes of the presence are gathered for so long. */
const GATHER_MS = 100
/** Whatever is under way, an alarm follows so much later: should the object be killed meanwhile, hubs are told then. */
const SURE_AFTER_MS = 5_000
/** An alarm that is late by so much was lost. */
const ALARM_LOST_MS = 60_000
/** The alarm waits so long for hubs. */
const ALARM_WAITS_MS = 15_000

/** In the key-value storage: when the alarm comes. There while something may be under way. */
const ALARM_KEY = "alarm"
/** There where hubs have entered. */
const NAME_KEY = "name"

interface KeptAlarm {
  readonly at: number
  /** An object that an alarm wakes isn't told its name everywhere. */
  readonly topic: string
}

/** A subclass says where the hubs are. */
export abstract class TopicObject extends DurableObject implements TopicStub {
  protected abstract hubs(): LiveNamespace<HubStub>

  #alarm = this.ctx.storage.kv.get<KeptAlarm>(ALARM_KEY)
  /** Whether something was under way when the object was last heard of. */
  #mayHaveLost = this.#alarm !== undefined
  #keptName = this.ctx.storage.kv.get<string>(NAME_KEY)
  /** Whatever wakes an object otherwise than by its name doesn't tell it, and calls by name reach it all the same. */
  readonly #topic = this.ctx.id.name ?? this.#alarm?.topic ?? this.#keptName ?? ""
  readonly #presence = new Presence(this.ctx.storage, () => this.now())
  readonly #messages = new MessageLog(this.ctx.storage, () => this.now())
  readonly #feed = new FeedLog(this.ctx.storage.kv)
  readonly #log = this.#topic.startsWith(channelTopic("")) ? this.#messages : this.#feed
  readonly #fanOut = new FanOut(
    {
      topic: this.#topic,
      members: new Members(this.ctx.storage.sql),
      hubs: () => this.hubs(),
      place: () => this.#log,
      presenceAfter: (told) => this.#presence.after(told),
      gone: (hub) => this.#changePresence(() => this.#presence.leaveHub(hub)),
      wakeBy: (at) => this.#wakeBy(at),
      now: () => this.now(),
      later: (work) => this.ctx.waitUntil(work),
    },
    this.#presence.shown,
  )
  #isGathering = false

  async push(order: PushOrder): Promise<void> {
    const { epoch } = this.#feed
    const items = this.#feed.take(order)
    if (epoch !== this.#feed.epoch) this.#fanOut.drop()
    if (items) this.#fanOut.send(items)
    await inTime(this.#fanOut.settled(), FEED_WAITS_MS, async () => {})
    if (this.#fanOut.isBusy) this.#makeSure()
    // whom it has no hubs to tell, it need not remember
    if (this.#fanOut.isEmpty) this.#feed.forget()
    else this.#feed.keep()
  }

  async enter(hub: string): Promise<Entered> {
    this.#enter(hub)
    this.#feed.keep()
    return { ...this.#entered(), ...(!this.#feed.isSure && { isUnsure: true }) }
  }

  async join({ hub, connection, history, member, since }: JoinOrder): Promise<Joined> {
    this.#follow(history)
    this.#enter(hub)
    if (member) this.#changePresence(() => this.#presence.enter(hub, connection, member))
    return {
      ...this.#entered(),
      ...this.#messages.shown(since),
      members: this.#presence.members(),
      presenceVersion: this.#presence.version,
    }
  }

  async missed(seq: number): Promise<Missed> {
    return this.#messages.after(seq)
  }

  async publish(order: PublishOrder): Promise<{ seq: number; epoch: string }> {
    this.#follow(order.history)
    const message = this.#messages.append(order)
    const { seq } = message
    if (order.history) this.#makeSure()
    this.#fanOut.send({ previous: seq - 1, last: seq, messages: [message] })
    return { seq, epoch: this.#messages.epoch }
  }

  async present(hub: string, connection: string, member: PresentMember | undefined): Promise<void> {
    if (member) this.#enter(hub)
    this.#changePresence(() => {
      if (member) this.#presence.enter(hub, connection, member)
      else this.#presence.leave(hub, connection)
    })
  }

  /** Calls again those that have failed; after a crash all of them, since nobody knows what was under way. */
  override async alarm(): Promise<void> {
    this.#alarm = undefined
    try {
      this.#presence.show()
      if (this.#mayHaveLost) this.#fanOut.tellPlace()
      else this.#fanOut.go()
      this.#mayHaveLost = false
      await inTime(this.#tellPresence(), ALARM_WAITS_MS, async () => {})
      this.#messages.prune()
      this.#presence.prune()
    } catch (error) {
      // the platform would give up after some failures
      console.error(
        JSON.stringify({ level: "error", event: "topic_failed", topic: this.#topic, causes: [String(error)] }),
      )
      this.#makeSure()
    }
    const retry = this.#fanOut.nextRetry()
    if (retry !== undefined) this.#wakeBy(retry)
    if (this.#fanOut.isBusy) this.#makeSure()
    if (this.#alarm === undefined) this.ctx.storage.kv.delete(ALARM_KEY)
  }

  protected now(): number {
    return Date.now()
  }

  #entered(): Entered {
    const { epoch, last } = this.#log
    return { epoch, last }
  }

  #enter(hub: string): void {
    if (this.#keptName === undefined) this.ctx.storage.kv.put(NAME_KEY, this.#topic)
    this.#keptName = this.#topic
    this.#fanOut.enter(hub, this.#presence.shown)
  }

  #follow(history: PublishOrder["history"]): void {
    if (this.#messages.follow(history)) this.#fanOut.drop()
  }

  #changePresence(change: () => void): void {
    const { version } = this.#presence
    change()
    if (version === this.#presence.version) return
    this.#makeSure()
    if (this.#isGathering) return
    this.#isGathering = true
    this.ctx.waitUntil(this.#gather())
  }

  async #gather(): Promise<void> {
    await wait(GATHER_MS)
    this.#isGathering = false
    this.#presence.show()
    this.#fanOut.go()
    await this.#tellPresence()
  }

  async #tellPresence(): Promise<void> {
    const { shown } = this.#presence
    await this.#fanOut.settled()
    this.#presence.told(shown)
  }

  #makeSure(): void {
    this.#wakeBy(this.now() + SURE_AFTER_MS)
  }

  #wakeBy(at: number): void {
    const set = this.#alarm?.at
    if (set !== undefined && set <= at && set > this.now() - ALARM_LOST_MS) return
    this.#alarm = { at, topic: this.#topic }
    this.ctx.storage.kv.put(ALARM_KEY, this.#alarm)
    void this.ctx.storage.setAlarm(at)
  }
}
