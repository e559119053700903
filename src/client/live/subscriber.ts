/** A list or a channel as the connection sees it: what it asks for, how far it has come, what it is told. */

import type { ProblemError } from "../problem.ts"
import { call } from "../store.ts"
import type { ServerMessage } from "./frames.ts"

/** A drop that is over by then is no news. */
const GRACE_MS = 2_000

export interface Wish {
  /** What is sent, without `id` and `since`. */
  frame(): object
  /** Of the stream that tells the same; there may be none. */
  path?(): string
  take(message: ServerMessage): void
  fail(problem: ProblemError): void
  connected(isConnected: boolean): void
  /** Somebody else is signed in. */
  forget?(): void
  /** From now on frames of it can be sent. */
  asked?(): void
  /** Of frames that were sent nothing will be heard. */
  lost?(): void
  /** To a frame with a `ref`, of whoever sent it. */
  answer?(message: ServerMessage): void
}

export interface Stream {
  /** Comes back at once where it waits, or has been quiet for long. */
  wake(): void
  close(): void
}

export class Subscriber {
  readonly wish: Wish
  /** Under which it was asked; empty where it isn't. Each ask has its own, so that nothing comes of those before. */
  id = ""
  since: string | undefined
  /** It isn't asked again by itself. */
  isRefused = false
  stream: Stream | undefined
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
    this.rest()
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
  fail(problem: ProblemError, afterS: number | undefined, again: () => void): void {
    this.forgetPlace()
    this.isRefused = afterS === undefined && problem.status > 0
    call(() => this.wish.fail(problem))
    if (afterS !== undefined) this.#again = setTimeout(again, afterS * 1_000 * (1 + Math.random() / 4))
  }

  /** Somebody else asks. */
  forget(): void {
    this.forgetPlace()
    this.isRefused = false
    call(() => this.wish.forget?.())
  }

  /** What comes next is a snapshot. */
  forgetPlace(): void {
    this.rest()
    this.#isUp = false
    this.since = undefined
  }

  /** Without timers. */
  rest(): void {
    clearTimeout(this.#grace)
    clearTimeout(this.#again)
    this.#grace = undefined
  }
}
