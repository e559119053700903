/** A list or a channel as the connection sees it: what it asks for, how far it has come, what it is told. */

import type { ProblemError } from "../problem.ts"
import { call } from "../store.ts"
import type { ServerMessage } from "./frames.ts"

/** A drop that is over by then is no news. */
const GRACE_MS = 1_500

export interface Wish {
  /** Without `id` and `since`. */
  frame(): object
  /** Of the stream that tells the same; undefined where there is none. */
  path(): string | undefined
  take(message: ServerMessage): void
  fail(problem: ProblemError): void
  connected(isConnected: boolean): void
  /** Somebody else is signed in. */
  forget(): void
}

export class Subscriber {
  readonly wish: Wish
  /** Under which it was asked; empty where it isn't. Each ask has its own, so that nothing comes of those before. */
  id = ""
  since: string | undefined
  /** It isn't asked again by itself. */
  isRefused = false
  /** Ends the stream that stands for a socket. */
  stream: { wake(): void; close(): void } | undefined
  #isUp = false
  #grace: ReturnType<typeof setTimeout> | undefined
  #again: ReturnType<typeof setTimeout> | undefined

  constructor(wish: Wish) {
    this.wish = wish
  }

  take(message: ServerMessage): void {
    this.since = message.seq ?? this.since
    call(() => this.wish.take(message))
  }

  up(): void {
    this.isRefused = false
    this.#rest()
    if (this.#isUp) return
    this.#isUp = true
    call(() => this.wish.connected(true))
  }

  down(): void {
    if (this.isRefused) return
    this.#grace ??= setTimeout(() => {
      this.#isUp = false
      call(() => this.wish.connected(false))
    }, GRACE_MS)
  }

  /** @param again Is called after the time, if there is one. */
  refuse(problem: ProblemError, afterMs?: number, again?: () => void): void {
    this.forgetPlace()
    this.isRefused = afterMs === undefined
    this.#isUp = false
    call(() => this.wish.fail(problem))
    if (again) this.#again = setTimeout(again, afterMs)
  }

  /** What comes next is a snapshot. */
  forgetPlace(): void {
    this.#rest()
    this.since = undefined
  }

  /** Somebody else asks. */
  forget(): void {
    this.forgetPlace()
    this.isRefused = false
    this.#isUp = false
    call(() => this.wish.forget())
  }

  end(): void {
    this.#rest()
    this.stream?.close()
    this.stream = undefined
  }

  #rest(): void {
    clearTimeout(this.#grace)
    clearTimeout(this.#again)
    this.#grace = undefined
  }
}
