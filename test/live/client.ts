/** A client of `/v1/live` in a test: sends frames, keeps what comes, and can wait for it. */

import { exports } from "cloudflare:workers"
import { wait } from "../../src/core/wait.ts"
import { Picture } from "./picture.ts"

/** Milliseconds after which what doesn't come has failed to. */
const LONGEST_WAIT_MS = 15_000

/** The Worker under test. */
export const worker = (exports as unknown as { readonly default: Fetcher }).default

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of every shape
export type Message = Record<string, any>

export interface Closed {
  readonly code: number
  readonly reason: string
}

export interface ConnectOptions {
  /** Is sent first, and its answer awaited. */
  readonly token?: string
  readonly headers?: Record<string, string>
}

const open = new Set<Client>()

/** Resolves once the server is ready for the caller. */
export async function connect({ token, headers }: ConnectOptions = {}): Promise<Client> {
  const response = await upgrade(headers)
  if (!response.webSocket) throw new Error(`${response.status}: ${await response.text()}`)
  const client = new Client(response.webSocket)
  open.add(client)
  client.ready = await client.next({ type: "ready" })
  if (token !== undefined) await client.authenticate(token)
  return client
}

export function upgrade(headers: Record<string, string> = {}): Promise<Response> {
  return worker.fetch("http://edge.example/v1/live", {
    headers: { Upgrade: "websocket", "CF-Connecting-IP": newAddress(), ...headers },
  })
}

let addresses = 0

/** Requests that share one wait for the limiter, which the runtime of tests takes for a mistake: promises of others. */
export function newAddress(): string {
  addresses++
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`
}

export async function closeAll(): Promise<void> {
  await Promise.all([...open].map((client) => client.close()))
  open.clear()
}

type Fits = ((message: Message) => boolean) | Message

export class Client {
  readonly #socket: WebSocket
  readonly #pictures = new Map<string, Picture>()
  readonly #inbox: Message[] = []
  readonly #waiting = new Set<() => void>()
  /** Every message, oldest first. */
  readonly messages: Message[] = []
  /** The same as they came: each frame is one message or more. */
  readonly frames: Message[][] = []
  /** The newest answer to whom the server takes this for. */
  ready: Message = {}
  /** Undefined while the connection stands. */
  closing: Closed | undefined
  readonly closed: Promise<Closed>

  constructor(socket: WebSocket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => {
        this.closing = { code, reason }
        resolve(this.closing)
        this.#wakeAll()
      })
    })
    socket.addEventListener("message", ({ data }) => this.#take(String(data)))
    socket.accept()
  }

  /** Text and bytes go as they are. */
  send(...messages: (Message | string | ArrayBuffer)[]): void {
    for (const message of messages) {
      const isPlain = typeof message === "string" || message instanceof ArrayBuffer
      this.#socket.send(isPlain ? message : JSON.stringify(message))
    }
  }

  /** @returns The `ready` that answers it. */
  async authenticate(token: string): Promise<Message> {
    this.send({ type: "auth", token })
    this.ready = await this.next({ type: "ready" })
    return this.ready
  }

  /** Subscribes to a query. @returns The snapshot, or whatever else comes first. */
  async query(id: string, collection: string, query: object = {}, since?: string): Promise<Message> {
    this.send({ type: "query", id, collection, query, ...(since !== undefined && { since }) })
    return this.next((message) => message.id === id)
  }

  async join(id: string, channel: string, more: object = {}): Promise<Message> {
    this.send({ type: "join", id, channel, ...more })
    return this.next((message) => message.id === id)
  }

  /** The oldest message that fits and that nobody has asked for yet. */
  async next(fits: Fits, timeoutMs = LONGEST_WAIT_MS): Promise<Message> {
    const until = Date.now() + timeoutMs
    for (;;) {
      const place = this.#inbox.findIndex((message) => matches(message, fits))
      if (place >= 0) return this.#inbox.splice(place, 1)[0]!
      const leftMs = until - Date.now()
      if (this.closing || leftMs <= 0) throw new Error(this.#nothing(fits))
      await Promise.race([wait(leftMs), new Promise<void>((resolve) => this.#waiting.add(resolve))])
    }
  }

  /** @returns What nobody has asked for yet, after a while in which more may come. */
  async quiet(ms = 150): Promise<Message[]> {
    await wait(ms)
    return this.#inbox.splice(0)
  }

  /** What a client that applies every frame holds of a query; ask before the query is sent. */
  picture(id: string): Picture {
    const known = this.#pictures.get(id) ?? new Picture()
    this.#pictures.set(id, known)
    return known
  }

  /** Goes on with the picture of a connection before. */
  adopt(id: string, picture: Picture): void {
    this.#pictures.set(id, picture)
  }

  async close(): Promise<void> {
    if (this.closing) return
    this.#socket.close(1000, "done")
    await Promise.race([this.closed, wait(1_000)])
  }

  #take(text: string): void {
    if (text === "pong") {
      this.#receive([{ type: "pong" }])
      return
    }
    const parsed = JSON.parse(text) as Message | Message[]
    this.#receive(Array.isArray(parsed) ? parsed : [parsed])
  }

  #receive(frame: Message[]): void {
    this.frames.push(frame)
    this.messages.push(...frame)
    this.#inbox.push(...frame)
    for (const [id, picture] of this.#pictures) picture.apply(frame.filter((message) => message.id === id))
    this.#wakeAll()
  }

  #wakeAll(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  #nothing(fits: Fits): string {
    const wanted = typeof fits === "function" ? fits.toString() : JSON.stringify(fits)
    const closing = this.closing ? `closed with ${this.closing.code} ${this.closing.reason}` : "no such message"
    return `${closing}; wanted ${wanted}, got ${JSON.stringify(this.messages.slice(-10))}`
  }
}

function matches(message: Message, fits: Fits): boolean {
  if (typeof fits === "function") return fits(message)
  return Object.entries(fits).every(([key, value]) => message[key] === value)
}
