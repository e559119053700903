/** One client's socket: who it is, how much it says, and how much it has been sent. */

import { ANONYMOUS, type Caller } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import type { Member } from "../core/live.ts"
import { drain, fits, type Rule } from "../limits/gcra.ts"

/** What a client may send. Who begins a subscription or signs in has the database read, or a topic called. */
const RULES = {
  frames: { limit: 100, windowMs: 1_000, burst: 1_000 },
  publishes: { limit: 20, windowMs: 1_000, burst: 100 },
  /** All that a socket may hold can be begun twice at once. */
  subscriptions: { limit: 10, windowMs: 1_000, burst: 250 },
  signIns: { limit: 1, windowMs: 1_000, burst: 20 },
} satisfies Record<string, Rule>
export type Allowance = keyof typeof RULES
/** What may be sent to a client that gives no sign of life. What it has read can't be asked. */
const MOST_UNREAD_BYTES = 8 * 1024 * 1024
const MOST_UNREAD_MS = 15_000
const MOST_BYTES_AT_ONCE = 64 * 1024 * 1024
/** How far the count may be ahead of what hibernation leaves of it. */
const KEEP_EVERY_BYTES = 1024 * 1024

/** What a socket's attachment keeps while its hub hibernates. */
interface Attached {
  readonly connection: string
  /** Whether the Worker reads it, for a client of server-sent events. */
  readonly isStream: boolean
  caller: Caller
  /** The account's. */
  name: string | undefined
  /** Milliseconds since 1970; undefined for the anonymous caller. */
  expiresAt: number | undefined
  /** When a channel was joined last; from then on it pings. */
  pingsSince: number | undefined
  /** Bytes sent, and since when, without a sign of life. */
  unread: number
  unreadSince: number
}

export class Connection {
  readonly socket: WebSocket
  /** Until its hub has done with it. */
  isOpen = true
  /** Frames that wait for the one before. */
  tail: Promise<void> = Promise.resolve()
  readonly #attached: Attached
  readonly #spent = new Map<Allowance, { debt: number; at: number }>()
  #unread: number
  #unreadSince: number
  #heardAt = 0

  private constructor(socket: WebSocket, attached: Attached) {
    this.socket = socket
    this.#attached = attached
    this.#unread = attached.unread
    this.#unreadSince = attached.unreadSince
  }

  static open(socket: WebSocket, isStream: boolean): Connection {
    const attached: Attached = {
      connection: crypto.randomUUID(),
      isStream,
      caller: ANONYMOUS,
      name: undefined,
      expiresAt: undefined,
      pingsSince: undefined,
      unread: 0,
      unreadSince: 0,
    }
    const connection = new Connection(socket, attached)
    connection.#keep()
    return connection
  }

  /** @returns Undefined for a socket that was never opened to its end. */
  static restore(socket: WebSocket): Connection | undefined {
    const attached = socket.deserializeAttachment() as Attached | null
    return attached ? new Connection(socket, attached) : undefined
  }

  get id(): string {
    return this.#attached.connection
  }

  get caller(): Caller {
    return this.#attached.caller
  }

  get expiresAt(): number | undefined {
    return this.#attached.expiresAt
  }

  get isStream(): boolean {
    return this.#attached.isStream
  }

  get pingsSince(): number | undefined {
    return this.#attached.pingsSince
  }

  /** As others see it. */
  get member(): Member {
    const { caller, name, connection } = this.#attached
    return { id: caller.kind === "anonymous" ? connection : caller.id, ...(name && { name }) }
  }

  signIn(caller: Caller, name: string | undefined, expiresAt: number): void {
    Object.assign(this.#attached, { caller, name, expiresAt })
    this.#keep()
  }

  /** Its roles have changed, say. */
  become(caller: Caller): void {
    this.#attached.caller = caller
    this.#keep()
  }

  joinedChannel(now: number): void {
    this.#attached.pingsSince = now
    this.#keep()
  }

  /** @returns Whether the client may send another frame. */
  heard(now: number): boolean {
    this.#heardAt = now
    // the time isn't kept
    if (this.#attached.unread > 0) this.#hasRead()
    return this.may("frames", now)
  }

  /** Spends one of them. @returns Whether there was one left. */
  may(what: Allowance, now: number): boolean {
    const rule = RULES[what]
    const spent = this.#spent.get(what) ?? { debt: 0, at: 0 }
    const debt = drain(spent.debt, now - spent.at, rule)
    const passes = fits(debt, 0, 1, rule)
    this.#spent.set(what, { debt: passes ? debt + rule.windowMs : debt, at: now })
    return passes
  }

  lastSign(pingedAt: Date | null): number {
    return Math.max(this.#heardAt, pingedAt?.getTime() ?? 0)
  }

  /**
   * A clock takes a good part of what a frame costs, so it is seldom asked.
   *
   * @param pingedAt Asked for only when much has been sent.
   * @returns Whether the client seems to read.
   */
  send(frame: string, now: Clock, pingedAt: (socket: WebSocket) => Date | null): boolean {
    if (this.#unread === 0) this.#unreadSince = now()
    this.#unread += frame.length
    if (this.#unread > MOST_UNREAD_BYTES && !this.#reads(now(), pingedAt(this.socket))) return false
    if (this.#unread - this.#attached.unread >= KEEP_EVERY_BYTES) this.#keep()
    try {
      this.socket.send(frame)
    } catch {
      // it has closed; its close comes as an event of its own
    }
    return true
  }

  #reads(now: number, pingedAt: Date | null): boolean {
    const sign = this.lastSign(pingedAt)
    if (sign > this.#unreadSince) {
      this.#hasRead()
      return true
    }
    return now - this.#unreadSince < MOST_UNREAD_MS && this.#unread < MOST_BYTES_AT_ONCE
  }

  #hasRead(): void {
    this.#unread = 0
    this.#keep()
  }

  #keep(): void {
    this.#attached.unread = this.#unread
    this.#attached.unreadSince = this.#unreadSince
    this.socket.serializeAttachment(this.#attached)
  }
}
