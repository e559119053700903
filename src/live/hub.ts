/** A hub: sockets, what they listen to, and what topics push. */

import type { Caller } from "../core/caller.ts"
import { CALLERS_TOPIC, type Push } from "../core/live.ts"
import { SelvedgeError } from "../core/problem.ts"
import { addressOf, type ClientFrame, type FrameOf, MOST_FRAME_BYTES, readFrame } from "./client-frames.ts"
import { CLOSE } from "./close-codes.ts"
import { type Allowance, Connection } from "./connection.ts"
import type { HubContext, HubOptions } from "./hub-context.ts"
import type { HubStore } from "./hub-store.ts"
import { Links } from "./links.ts"
import { readNewest } from "./missed-changes.ts"
import { Pushes } from "./pushes.ts"
import { Queries } from "./queries.ts"
import { Rooms } from "./rooms.ts"
import { ackFrame, problemFrame, readyFrame } from "./server-frames.ts"
import { Shared } from "./shared.ts"
import { Subscriptions } from "./subscriptions.ts"

const MOST_SUBSCRIPTIONS = 100
/** Characters of all clients' frames that wait for the one before. */
const WAITING = { most: 32 * 1024 * 1024, share: MOST_FRAME_BYTES }
/** How soon a client comes back after a restart, at the earliest; with each socket of the hub a little later. */
const RETRY_MS = 1_000
const RETRY_MS_PER_SOCKET = 4
/** A client in a channel that hasn't pinged for so long is gone. */
const SILENCE_MS = 28_000

const AGAIN_AFTER_MS = 1_000

/** The Durable Object, as far as the hub needs it. */
export interface HubPlatform {
  readonly name: string
  readonly store: HubStore
  sockets(): readonly WebSocket[]
  pingedAt(socket: WebSocket): Date | null
  wakeAt(at: number): void
}

export class Hub {
  readonly #platform: HubPlatform
  readonly #context: HubContext
  readonly #connections = new Map<WebSocket, Connection>()
  readonly #subscriptions: Subscriptions
  readonly #pushes: Pushes
  readonly #waiting = new Shared(WAITING)
  /** Sockets that sign in. */
  #arriving = 0
  /** Pushes that told of callers: one may be of a caller who was looked at before it, and signs in after it. */
  #rechecks = 0

  constructor(platform: HubPlatform, options: HubOptions) {
    const { name: hub, store } = platform
    this.#platform = platform
    const links = new Links({
      hub,
      topics: options.topics,
      store,
      now: options.now,
      newest: () => readNewest(options.d1),
      behind: (link, { epoch, last }) => this.#catchUp({ topic: link.name, epoch, previous: last, last }),
    })
    this.#context = {
      ...options,
      hub,
      store,
      links,
      send: (connection, frame) => this.#send(connection, frame),
      fail: (subscription, error) => this.#subscriptions.fail(subscription, error),
      report: (error) => this.#report(error),
    }
    const queries = new Queries(this.#context)
    const rooms = new Rooms(this.#context)
    this.#subscriptions = new Subscriptions(this.#context, queries, rooms)
    this.#pushes = new Pushes(this.#context, queries, rooms, (ids) => this.#recheck(ids))
    this.#restore()
  }

  welcome(socket: WebSocket, isStream: boolean): void {
    const connection = Connection.open(socket, isStream)
    this.#connections.set(socket, connection)
    this.#send(connection, this.#ready(connection))
  }

  /** Frames of one socket are handled one after the other. */
  message(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const connection = this.#connections.get(socket)
    if (!connection) return Promise.resolve()
    const size = typeof message === "string" ? message.length : message.byteLength
    const isLarge = size > MOST_FRAME_BYTES || (typeof message === "string" && isLong(message))
    const isQuick = !connection.heard(this.#context.now())
    if (isLarge || isQuick || !this.#waiting.take(connection, size)) {
      const what = isLarge ? `A frame may hold ${MOST_FRAME_BYTES} bytes.` : "Too many frames at once."
      this.#end(connection, isLarge ? "payload_too_large" : "rate_limited", what, CLOSE.tooMuch)
      return Promise.resolve()
    }
    connection.tail = connection.tail
      .then(() => this.#handle(connection, message))
      .finally(() => this.#waiting.give(connection, size))
    return connection.tail
  }

  /** Whether it can take one more client. */
  get hasRoom(): boolean {
    return this.#subscriptions.hasRoom
  }

  async closed(socket: WebSocket): Promise<void> {
    const connection = this.#connections.get(socket)
    if (connection) await this.#forget(connection)
  }

  /** @returns How many sockets listen to the topic. */
  deliver(push: Push): Promise<number> {
    return this.#pushes.take(push, () => this.#signedIn().length + this.#arriving)
  }

  /** What is due: tokens that have expired, clients that have fallen silent. */
  async alarm(): Promise<void> {
    const now = this.#context.now()
    for (const connection of [...this.#connections.values()]) {
      if ((connection.expiresAt ?? Number.POSITIVE_INFINITY) <= now)
        this.#end(connection, "token_expired", "The access token has expired.", CLOSE.unauthenticated)
      else if (this.#silentAt(connection) <= now) this.#drop(connection, CLOSE.slow, "no ping")
    }
    this.#planAlarm()
  }

  #restore(): void {
    for (const socket of this.#platform.sockets()) {
      const connection = Connection.restore(socket)
      if (connection) this.#connections.set(socket, connection)
      else socket.close(CLOSE.restart, "restart")
    }
    for (const connection of this.#subscriptions.restore([...this.#connections.values()]))
      this.#drop(connection, CLOSE.restart, "restart")
    this.#planAlarm()
  }

  /** Until it succeeds: no topic tells it again. */
  #catchUp(push: Push): void {
    this.deliver(push).catch((error: unknown) => {
      this.#context.log({ level: "error", event: "hole_not_filled", causes: [String(error)] })
      setTimeout(() => this.#catchUp(push), AGAIN_AFTER_MS)
    })
  }

  async #handle(connection: Connection, message: string | ArrayBuffer): Promise<void> {
    if (!connection.isOpen) return
    let frame: ClientFrame
    try {
      frame = readFrame(message)
      if (frame.type === "query" && frame.search !== undefined && !connection.isStream)
        throw new SelvedgeError("validation_failed", "search: a query is asked by an object.")
    } catch (error) {
      this.#send(connection, problemFrame(error, connection.id, addressOf(message)))
      this.#drop(connection, CLOSE.malformed, "malformed")
      return
    }
    const about = { ...("id" in frame && { id: frame.id }), ...("ref" in frame && { ref: frame.ref }) }
    try {
      await this.#act(connection, frame)
    } catch (error) {
      this.#report(error)
      if (connection.isOpen) this.#send(connection, problemFrame(error, connection.id, about))
    }
  }

  async #act(connection: Connection, frame: ClientFrame): Promise<void> {
    switch (frame.type) {
      case "auth":
        if (this.#may(connection, "signIns")) await this.#authenticate(connection, frame.token)
        return
      case "query":
        if (this.#mayListen(connection, frame.id)) await this.#subscriptions.query(connection, frame)
        return
      case "join":
        if (this.#mayListen(connection, frame.id)) await this.#subscriptions.join(connection, frame)
        return this.#platform.wakeAt(this.#silentAt(connection))
      case "publish":
        if (this.#may(connection, "publishes", frame.ref)) await this.#publish(connection, frame)
        return
      case "presence":
        if (this.#may(connection, "publishes")) await this.#subscriptions.present(connection, frame)
        return
      case "leave":
        return this.#subscriptions.end(connection, frame.id)
    }
  }

  async #authenticate(connection: Connection, token: string): Promise<void> {
    this.#arriving++
    try {
      await this.#context.links.enter(CALLERS_TOPIC)
      const before = this.#rechecks
      const { caller, name, expiresAt } = await this.#context.callers.signIn(token)
      if (!connection.isOpen) return
      const { caller: old, member } = connection
      if (old.kind !== "anonymous" && (old.kind !== caller.kind || old.id !== caller.id))
        return this.#end(connection, "forbidden", "The socket is another user's.", CLOSE.otherUser)
      connection.signIn(caller, name, expiresAt)
      this.#platform.wakeAt(expiresAt)
      this.#send(connection, this.#ready(connection))
      await this.#subscriptions.rebind(connection, member.id)
      if (before !== this.#rechecks) await this.#recheckThese([connection])
    } catch (error) {
      if (!(error instanceof SelvedgeError) || !REFUSED.includes(error.code)) throw error
      this.#send(connection, problemFrame(error, connection.id, {}))
      this.#drop(connection, CLOSE.unauthenticated, error.code)
    } finally {
      this.#arriving--
    }
  }

  async #publish(connection: Connection, frame: FrameOf<"publish">): Promise<void> {
    const seq = await this.#subscriptions.publish(connection, frame)
    if (frame.ref !== undefined) this.#send(connection, ackFrame(frame.ref, seq))
  }

  /** @param ids Of accounts, sessions and keys; undefined for everybody's. */
  async #recheck(ids: ReadonlySet<string> | undefined): Promise<void> {
    this.#rechecks++
    const isConcerned = ({ caller }: Connection) =>
      !ids || [caller.id, caller.session?.id, caller.key].some((id) => id !== undefined && ids.has(id))
    await this.#recheckThese(this.#signedIn().filter(isConcerned))
  }

  async #recheckThese(connections: readonly Connection[]): Promise<void> {
    if (connections.length === 0) return
    const asked = connections.map(({ caller }) => caller)
    const now = await this.#context.callers.stillStanding(asked)
    // all at once: nobody keeps what it had for as long as another's queries take
    await Promise.all(connections.map((connection, at) => this.#take(connection, asked[at]!, now[at])))
  }

  async #take(connection: Connection, asked: Caller, now: Caller | undefined): Promise<void> {
    if (!connection.isOpen) return
    // it has signed in anew, or another answer came first: which is the newer can't be told
    if (connection.caller !== asked) return this.#recheckThese([connection])
    if (!now) return this.#end(connection, "unauthenticated", "The sign-in has ended.", CLOSE.unauthenticated)
    if (now === asked) return
    connection.become(now)
    await this.#subscriptions.rebind(connection, connection.member.id)
  }

  #mayListen(connection: Connection, id: string): boolean {
    if (this.#subscriptions.count(connection, id) < MOST_SUBSCRIPTIONS) return this.#may(connection, "subscriptions")
    this.#end(connection, "rate_limited", `A socket may hold ${MOST_SUBSCRIPTIONS} subscriptions.`, CLOSE.tooMuch)
    return false
  }

  #may(connection: Connection, what: Allowance, ref?: string): boolean {
    if (connection.may(what, this.#context.now())) return true
    this.#end(connection, "rate_limited", TOO_MANY[what], CLOSE.tooMuch, ref)
    return false
  }

  #ready(connection: Connection): string {
    const { id, caller, expiresAt } = connection
    const retry = RETRY_MS + RETRY_MS_PER_SOCKET * this.#connections.size
    return readyFrame({ connection: id, userId: caller.kind === "user" ? caller.id : undefined, expiresAt, retry })
  }

  #signedIn(): Connection[] {
    return [...this.#connections.values()].filter(({ caller }) => caller.kind !== "anonymous")
  }

  #send(connection: Connection, frame: string): void {
    if (!connection.send(frame, this.#context.now, this.#platform.pingedAt))
      this.#drop(connection, CLOSE.slow, "too slow")
  }

  #end(connection: Connection, code: SelvedgeError["code"], message: string, close: number, ref?: string): void {
    const error = new SelvedgeError(code, message)
    this.#send(connection, problemFrame(error, connection.id, ref === undefined ? {} : { ref }))
    this.#drop(connection, close, code)
  }

  #drop(connection: Connection, code: number, reason: string): void {
    connection.socket.close(code, reason)
    void this.#forget(connection)
  }

  async #forget(connection: Connection): Promise<void> {
    if (!connection.isOpen) return
    this.#connections.delete(connection.socket)
    connection.isOpen = false
    await this.#subscriptions.endAll(connection)
  }

  /** When a client counts as gone unless it gives a sign before: only who is in a channel has to. */
  #silentAt(connection: Connection): number {
    if (!this.#subscriptions.isInChannel(connection)) return Number.POSITIVE_INFINITY
    const pingedAt = this.#platform.pingedAt(connection.socket)
    return Math.max(connection.pingsSince ?? 0, connection.lastSign(pingedAt)) + SILENCE_MS
  }

  #planAlarm(): void {
    let at = Number.POSITIVE_INFINITY
    for (const connection of this.#connections.values())
      at = Math.min(at, connection.expiresAt ?? at, this.#silentAt(connection))
    this.#platform.wakeAt(at)
  }

  #report(error: unknown): void {
    if (error instanceof SelvedgeError && error.code !== "internal" && error.cause === undefined) return
    const causes = error instanceof Error ? [error.stack ?? String(error), String(error.cause ?? "")] : [String(error)]
    this.#context.log({ level: "error", event: "live_failure", causes })
  }
}

const TOO_MANY: Readonly<Record<Allowance, string>> = {
  frames: "Too many frames at once.",
  publishes: "Too many messages at once.",
  subscriptions: "Too many subscriptions are begun at once.",
  signIns: "Too many sign-ins at once.",
}

const REFUSED: readonly string[] = ["unauthenticated", "token_expired"]

const encoder = new TextEncoder()

function isLong(text: string): boolean {
  return text.length > MOST_FRAME_BYTES / 3 && encoder.encode(text).byteLength > MOST_FRAME_BYTES
}
