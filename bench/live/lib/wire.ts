/** What a client says to each server, and how it knows what comes back. */

/** How many sockets one object, or hub, holds. */
export const SOCKETS_PER_OBJECT = 1_000
/** Stands before the time of publishing in every message, on all servers. */
export const SENT = '"sent":'
/** As text, without what a server puts around it. */
const MESSAGE_BYTES = 200
const BODY = "The quick brown fox jumps over the lazy dog. ".repeat(5)

export const WIRES = ["plain", "split", "socket.io", "channel", "query", "few filters", "many filters"] as const
export type WireName = (typeof WIRES)[number]

export interface Wire {
  /** @param index Of the socket, among all of a run. @param count Of all sockets. */
  path(index: number, count: number): string
  /** Frames that follow the upgrade. */
  hello(index: number): readonly string[]
  /** Sockets of a process that open at the same time. */
  readonly opening: number
  /** Comes once for each subscription, when it is one; undefined where the upgrade is enough. */
  readonly ready: string | undefined
  /** The frame that publishes `data`, JSON text; `query` is written to by HTTP. */
  publish(data: string): string
  /** Stands in what tells a publisher that its frame was taken. */
  readonly acknowledged: string
  /** What a socket may publish: as many at once, and then as many a second. Undefined for any number. */
  readonly rate: { readonly burst: number; readonly perSecond: number } | undefined
  /** Frame that a client sends while it gets much, to show that it reads; undefined where nobody asks. */
  readonly ping: string | undefined
  /** How often it does so even when it gets nothing; 0 for never. */
  readonly pingEveryMs: number
}

/** @param sent Microseconds. */
export function messageOf(sent: number): string {
  const start = `{${SENT}${sent},"text":"`
  return `${start}${BODY.slice(0, MESSAGE_BYTES - start.length - 2)}"}`
}

const none = (): readonly string[] => []

const plain: Wire = {
  path: () => "/",
  hello: none,
  opening: 50,
  ready: undefined,
  publish: (data) => data,
  acknowledged: '"ack":1',
  rate: undefined,
  ping: undefined,
  pingEveryMs: 0,
}

/** A little below API.md's 20 a second with bursts of 100, so that no publisher is closed. */
const CHANNEL_RATE = { burst: 90, perSecond: 18 }

const channel: Wire = {
  ...plain,
  path: () => "/v1/live",
  hello: () => [JSON.stringify({ type: "join", id: "1", channel: "room" })],
  ready: '"type":"snapshot"',
  publish: (data) => `{"type":"publish","id":"1","event":"message","data":${data},"ref":"r"}`,
  acknowledged: '"type":"ack"',
  rate: CHANNEL_RATE,
  ping: "ping",
  pingEveryMs: 10_000,
}

/** The author whose posts some filters ask for. */
export const WANTED = "wanted"
const SUBSCRIPTIONS_PER_SOCKET = 100
/** Of the sockets with many subscriptions, each tenth has one for the wanted author. */
const WANTED_EVERY = 10

const filtered = (id: number, author: string) =>
  JSON.stringify({ type: "query", id: String(id), collection: "posts", query: { authorId: author, limit: 1 } })

const query: Wire = {
  ...channel,
  hello: () => [JSON.stringify({ type: "query", id: "1", collection: "posts", query: { limit: 1 } })],
  publish: () => {
    throw new TypeError("a query is written to by HTTP")
  },
  rate: undefined,
  pingEveryMs: 0,
}

const wires: Record<WireName, Wire> = {
  plain,
  split: {
    ...plain,
    path: (index, count) =>
      `/?room=${Math.floor(index / SOCKETS_PER_OBJECT)}&rooms=${Math.ceil(count / SOCKETS_PER_OBJECT)}`,
  },
  "socket.io": {
    ...plain,
    path: () => "/socket.io/?EIO=4&transport=websocket",
    hello: () => ["40"],
    ready: '40{"sid"',
    publish: (data) => `420["publish",${data}]`,
    acknowledged: "430[]",
  },
  channel,
  query,
  "few filters": { ...query, hello: () => [filtered(1, WANTED)] },
  "many filters": {
    ...query,
    opening: 4,
    hello: (index) =>
      Array.from({ length: SUBSCRIPTIONS_PER_SOCKET }, (_, n) =>
        filtered(n, n === 0 && index % WANTED_EVERY === 0 ? WANTED : `author-${index}-${n}`),
      ),
  },
}

export function wireOf(name: WireName): Wire {
  return wires[name]
}
