/** Live clients that come back after each kill, and note all that they are told. */

import { randomUUID } from "node:crypto"
import { setTimeout as wait } from "node:timers/promises"
import type { Message } from "../../live/client.ts"
import { Picture } from "../../live/picture.ts"
import { type Listener, listen } from "../live/listener.ts"

/** Changes of what it finds come, are modified, and leave: an entry takes three steps. */
export const FOLLOWED = { amount: { lte: 30 }, steps: { lt: 2 } }
/** Entries come into it by changes of their tallies too. */
export const RELATED = { amount: { lte: 20 }, filter: { tally: { purchases: { gte: 3 } } } }
const MOST_RECORDS = 1_000
const MOST_PAUSE_MS = 400
/** One of the clients goes away by itself, this often at the least. */
const LEAST_STAY_MS = 400

export interface Subscriber {
  readonly followed: Picture
  /** Snapshots and changes of `followed`, as they came. */
  readonly told: readonly Message[]
  readonly related: Picture
  /** Of the channel, those of snapshots included. */
  readonly messages: readonly Message[]
  readonly channelSnapshots: number
  /** Places of messages that were acknowledged, by their text. */
  readonly published: ReadonlyMap<string, string>
  /** Who is present, as it was told. */
  readonly members: ReadonlySet<string>
  readonly connection: string | undefined
  readonly connections: number
  readonly problems: readonly Message[]
}

export interface Subscribers {
  readonly all: readonly Subscriber[]
  /** From now on nobody publishes, and nobody goes. */
  rest(): Promise<void>
  stop(): Promise<void>
}

/** @param url Where the server is now; undefined while it is down. */
export function startSubscribers(count: number, url: () => string | undefined, random: () => number): Subscribers {
  let isResting = false
  const started = Array.from({ length: count }, () => startSubscriber(url, random))
  const busy = [...started.map(({ listener }) => publish(listener)), comeAndGo(started[0]!.listener)]

  async function publish(listener: Listener): Promise<void> {
    while (!isResting) {
      const text = randomUUID()
      listener.send({ type: "publish", id: "channel", event: "said", data: text, ref: text })
      await wait(random() * MOST_PAUSE_MS)
    }
  }

  async function comeAndGo(listener: Listener): Promise<void> {
    while (!isResting) {
      await wait(LEAST_STAY_MS * (1 + 3 * random()))
      listener.away()
      await wait(LEAST_STAY_MS * random())
      listener.back()
    }
  }

  return {
    all: started.map(({ subscriber }) => subscriber),
    async rest() {
      isResting = true
      await Promise.all(busy)
    },
    async stop() {
      isResting = true
      await Promise.all(started.map(({ listener }) => listener.stop()))
    },
  }
}

function startSubscriber(url: () => string | undefined, random: () => number) {
  const told: Message[] = []
  const messages: Message[] = []
  const published = new Map<string, string>()
  const members = new Set<string>()
  const problems: Message[] = []
  const subscriber = {
    followed: new Picture(),
    told,
    related: new Picture(),
    messages,
    channelSnapshots: 0,
    published,
    members,
    connection: undefined as string | undefined,
    connections: 0,
    problems,
  }

  function take(frame: readonly Message[], connection: number): void {
    subscriber.connections = connection
    for (const message of frame) {
      if (message.type === "ready") welcome(message)
      else if (message.type === "ack") published.set(message.ref, message.seq)
      else if (message.type === "problem") problems.push(message)
    }
    told.push(...of(frame, "followed").filter(({ type }) => type !== "problem"))
    subscriber.followed.apply(of(frame, "followed"))
    subscriber.related.apply(of(frame, "related"))
    for (const message of of(frame, "channel")) hear(message)
  }

  function welcome({ connection }: Message): void {
    subscriber.connection = connection
    members.clear()
  }

  function hear(message: Message): void {
    if (message.type === "message") messages.push(message)
    if (message.type === "snapshot") {
      subscriber.channelSnapshots++
      messages.push(...message.messages)
    }
    for (const { id } of [...(message.members ?? []), ...(message.joined ?? [])]) members.add(id)
    for (const { id } of message.left ?? []) members.delete(id)
  }

  const query = { type: "query", collection: "entries" }
  const listener = listen({
    url,
    random,
    take,
    subscriptions: [
      { ...query, id: "followed", query: { ...FOLLOWED, limit: MOST_RECORDS } },
      { ...query, id: "related", query: { ...RELATED, limit: MOST_RECORDS } },
      { type: "join", id: "channel", channel: "log:kills", presence: { here: true } },
    ],
  })
  return { subscriber: subscriber as Subscriber, listener }
}

function of(frame: readonly Message[], id: string): Message[] {
  return frame.filter((message) => message.id === id)
}
