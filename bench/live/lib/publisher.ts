/** Publishes through the sockets of its process, or by HTTP. */

import { Agent } from "node:http"
import { setTimeout as wait } from "node:timers/promises"
import { ask } from "../../lib/ask.ts"
import { type How, type Published, ROWS_PER_BATCH } from "./orders.ts"
import type { LeanSocket } from "./socket.ts"
import { nowMicros } from "./tally.ts"
import { messageOf, WANTED, type Wire } from "./wire.ts"

const ACK_WITHIN_MS = 20_000
const HELD_UP_MS = 5
const CREATED = 201

interface Allowance {
  tokens: number
  at: number
}

export class Publisher {
  readonly #wire: Wire
  readonly #origin: string
  readonly #sockets: readonly LeanSocket[]
  readonly #agent = new Agent({ keepAlive: true })
  readonly #allowances: Allowance[]
  /** Frames of this process that wait for their acknowledgement, which come in order. */
  readonly #waiting: (() => void)[] = []
  #next = 0
  #heldUp = 0

  constructor(wire: Wire, port: number, sockets: readonly LeanSocket[]) {
    this.#wire = wire
    this.#origin = `http://127.0.0.1:${port}`
    this.#sockets = sockets
    this.#allowances = sockets.map(() => ({ tokens: wire.rate?.burst ?? 0, at: nowMicros() }))
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  acknowledged(): void {
    this.#waiting.shift()?.()
  }

  async publish(how: How, perSecond: number, times: number): Promise<Published> {
    const firstAt = nowMicros()
    const open: Promise<void>[] = []
    for (let n = 0; n < times; n++) {
      const dueInMs = (n * 1_000) / perSecond - (nowMicros() - firstAt) / 1_000
      if (dueInMs > 0) await wait(dueInMs)
      open.push(this.#one(how))
    }
    await Promise.all(open)
    return { messages: times * messagesOf(how), firstAt, endedAt: nowMicros(), heldUp: 0 }
  }

  async flood(how: How, inFlight: number, ms: number): Promise<Published> {
    const firstAt = nowMicros()
    this.#heldUp = 0
    let times = 0
    const loop = async () => {
      while (nowMicros() - firstAt < ms * 1_000) {
        times++
        await this.#one(how)
      }
    }
    await Promise.all(Array.from({ length: inFlight }, loop))
    return { messages: times * messagesOf(how), firstAt, endedAt: nowMicros(), heldUp: this.#heldUp }
  }

  async #one(how: How): Promise<void> {
    if (how === "frame") return this.#frame()
    const sent = nowMicros()
    const path = how === "post" ? "/v1/posts" : "/rows"
    const body =
      how === "post"
        ? `{"authorId":"${WANTED}",${messageOf(sent).slice(1)}`
        : JSON.stringify({ rows: ROWS_PER_BATCH, authorId: WANTED, ...(JSON.parse(messageOf(sent)) as object) })
    const headers = { Host: "bench.example", "Content-Type": "application/json" }
    await ask(this.#agent, this.#origin, { method: "POST", path, headers, body, status: CREATED })
  }

  async #frame(): Promise<void> {
    const socket = await this.#allowed()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const late = setTimeout(() => reject(new Error("a message was never acknowledged")), ACK_WITHIN_MS)
    this.#waiting.push(() => {
      clearTimeout(late)
      resolve()
    })
    socket.send(this.#wire.publish(messageOf(nowMicros())))
    await promise
  }

  /** The next socket in turn that the server's limit lets publish. */
  async #allowed(): Promise<LeanSocket> {
    for (;;) {
      for (let tried = 0; tried < this.#sockets.length; tried++) {
        const at = this.#next++ % this.#sockets.length
        if (this.#take(this.#allowances[at]!)) return this.#sockets[at]!
      }
      const started = nowMicros()
      await wait(HELD_UP_MS)
      this.#heldUp += nowMicros() - started
    }
  }

  #take(allowance: Allowance): boolean {
    const { rate } = this.#wire
    if (!rate) return true
    const now = nowMicros()
    const gained = ((now - allowance.at) / 1_000_000) * rate.perSecond
    allowance.tokens = Math.min(rate.burst, allowance.tokens + gained)
    allowance.at = now
    if (allowance.tokens < 1) return false
    allowance.tokens--
    return true
  }
}

export function messagesOf(how: How): number {
  return how === "rows" ? ROWS_PER_BATCH : 1
}
