/** A network that cuts, swallows and blocks what goes through it, and listeners that keep all that they are told. */

import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { vi } from "vitest"
import { Http } from "../../src/client/http.ts"
import { createConnection } from "../../src/client/live/connection.ts"
import type { ListChange, LiveConnection, Snapshot, Subscription } from "../../src/client/live/contract.ts"
import type { ProblemError } from "../../src/client/problem.ts"
import type { QueryObject } from "../../src/client/query-string.ts"
import { Session, type SessionAnswer } from "../../src/client/session.ts"

const PATIENCE_MS = 30_000
/** Also over a connection that has carried requests before. */
const UPGRADE = /^GET \/v1\/live HTTP.*\r\nupgrade: websocket\r\n/is
const STREAM = /^GET .*\r\naccept: text\/event-stream\r\n/is

/** Between clients and a server. */
export class Network {
  readonly url: string
  /** Upgrades are dropped, and all else passes. */
  blocksSockets = false
  /** Nothing is taken. */
  refuses = false
  /** How often a socket was asked for. */
  upgrades = 0
  /** Sockets that are open. */
  readonly sockets = new Set<Socket>()
  /** Connections over which a stream was asked for. */
  readonly streams = new Set<Socket>()
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #isFrozen = false
  #bytesLeft = Number.POSITIVE_INFINITY

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://localhost:${(server.address() as AddressInfo).port}`
  }

  static async to(port: number): Promise<Network> {
    const server = createServer()
    await once(server.listen(0, "localhost"), "listening")
    const network = new Network(server)
    server.on("connection", (near: Socket) => network.#join(near, port))
    return network
  }

  /** All connections end, without a goodbye. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  /** After so many more bytes of the server's: in the middle of a frame. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes
  }

  /** Nothing arrives, and nobody learns of it. */
  freeze(): void {
    this.#isFrozen = true
  }

  /** What was swallowed is lost. */
  thaw(): void {
    this.#isFrozen = false
  }

  close(): void {
    this.#server.close()
    this.cut()
  }

  #join(near: Socket, port: number): void {
    if (this.refuses) {
      near.destroy()
      return
    }
    const far = connect(port, "localhost")
    const pair = [near, far] as const
    this.#pairs.add(pair)
    near.on("data", (bytes) => {
      const head = String(bytes.subarray(0, 2_000))
      if (UPGRADE.test(head)) this.#upgrade(near)
      if (STREAM.test(head)) this.streams.add(near.once("close", () => this.streams.delete(near)))
      if (!this.#isFrozen) far.write(bytes)
    })
    far.on("data", (bytes) => this.#isFrozen || this.#bring(near, bytes))
    for (const [one, other] of [pair, [far, near] as const]) {
      one.on("error", () => undefined)
      one.on("close", () => {
        this.#pairs.delete(pair)
        other.destroy()
      })
    }
  }

  #upgrade(near: Socket): void {
    this.upgrades++
    if (this.blocksSockets) near.destroy()
    else this.sockets.add(near.once("close", () => this.sockets.delete(near)))
  }

  #bring(near: Socket, bytes: Buffer): void {
    near.write(bytes.subarray(0, this.#bytesLeft))
    this.#bytesLeft -= bytes.length
    if (this.#bytesLeft > 0) return
    this.#bytesLeft = Number.POSITIVE_INFINITY
    near.end()
    this.cut()
  }
}

export interface Caller {
  readonly http: Http
  readonly session: Session
  readonly connection: LiveConnection
  signIn(): Promise<void>
}

export function openCaller(url: string, options: { fetch?: typeof fetch; webSocket?: typeof WebSocket } = {}): Caller {
  const http = new Http({ base: url, fetch: options.fetch ?? ((...request) => fetch(...request)) })
  const session = new Session({ http, keeping: "memory" })
  return {
    http,
    session,
    connection: createConnection({ http, session, webSocket: options.webSocket }),
    async signIn() {
      const key = crypto.randomUUID()
      session.keep((await http.send({ method: "POST", path: "/v1/auth/anonymous", key })).body as SessionAnswer)
    },
  }
}

/** What one list was told, in its order. */
export class Followed {
  readonly told: (Snapshot | ListChange)[] = []
  readonly problems: ProblemError[] = []
  /** Each time that it was told so. */
  readonly connected: boolean[] = []
  forgotten = 0
  readonly subscription: Subscription

  constructor({ connection }: Pick<Caller, "connection">, collection: string, query: QueryObject) {
    this.subscription = connection.follow(collection, query, {
      take: (message) => this.told.push(message),
      fail: (problem) => this.problems.push(problem),
      connected: (isConnected) => this.connected.push(isConnected),
      forget: () => this.forgotten++,
    })
  }

  get snapshots(): Snapshot[] {
    return this.told.filter((message) => message.type === "snapshot")
  }

  get changes(): ListChange[] {
    return this.told.filter((message) => message.type === "change")
  }

  /** A field of each change's record. */
  values(field: string): unknown[] {
    return this.changes.map(({ record }) => record?.[field])
  }
}

/** Goes with tests that run at the same time. */
export async function until(isTrue: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
  await vi.waitUntil(isTrue, { timeout: patienceMs, interval: 20 })
}

/** Sockets whose ends and messages a test makes up. */
export function faultySockets() {
  const opened: WebSocket[] = []
  const sent: string[] = []
  class FaultySocket extends WebSocket {
    constructor(url: string) {
      super(url)
      opened.push(this)
    }

    override send(text: string): void {
      sent.push(text)
      super.send(text)
    }
  }
  return {
    webSocket: FaultySocket as typeof WebSocket,
    opened,
    /** Frames of a type, of all sockets. */
    sent: (type: string) =>
      sent.flatMap((text) => (text === "ping" ? [] : [JSON.parse(text)])).filter((frame) => frame.type === type),
    close: (code: number) => opened.at(-1)!.dispatchEvent(new CloseEvent("close", { code })),
    tell: (message: object) =>
      opened.at(-1)!.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) })),
  }
}

/** Sockets where a policy forbids them. */
export const NoSocket = class {
  constructor() {
    throw new DOMException("Sockets are forbidden.", "SecurityError")
  }
} as unknown as typeof WebSocket
