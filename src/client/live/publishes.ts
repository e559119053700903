/** Messages that were published to a channel and have no answer yet. */

import { ProblemError, refusal } from "../problem.ts"
import { newRecordId } from "../record-id.ts"
import type { ServerMessage } from "./frames.ts"

/** For the channel to be joined, and for the answer. */
const ANSWER_WITHIN_MS = 10_000
/** The server takes 20 a second and 100 at once, and closes the socket of whoever sends more. */
const EACH_MS = 50
const AT_ONCE_MS = 80 * EACH_MS

interface Publish {
  readonly frame: object
  readonly timer: ReturnType<typeof setTimeout>
  isSent: boolean
  resolve(acknowledged: { readonly seq: string }): void
  reject(problem: ProblemError): void
}

export class Publishes {
  readonly #send: (frame: object) => boolean
  readonly #waiting = new Map<string, Publish>()
  #spentUntil = 0

  /** @param send Says no where the channel isn't joined at the moment. */
  constructor(send: (frame: object) => boolean) {
    this.#send = send
  }

  /** Goes out as soon as the channel is joined. */
  add(event: string, data: unknown): Promise<{ readonly seq: string }> {
    return new Promise((resolve, reject) => {
      const now = Date.now()
      if (this.#spentUntil - now > AT_ONCE_MS) throw refusal("rate_limited", 429, "Too many messages at once.")
      this.#spentUntil = Math.max(this.#spentUntil, now) + EACH_MS
      const ref = newRecordId()
      const timer = setTimeout(() => this.#lose(ref), ANSWER_WITHIN_MS)
      this.#waiting.set(ref, { frame: { type: "publish", event, data, ref }, timer, isSent: false, resolve, reject })
      this.sendAll()
    })
  }

  sendAll(): void {
    for (const [ref, publish] of this.#waiting) {
      if (publish.isSent) continue
      try {
        publish.isSent = this.#send(publish.frame)
      } catch (error) {
        this.#end(ref)?.reject(error as ProblemError)
      }
    }
  }

  answer({ ref, seq, problem }: ServerMessage): void {
    const publish = this.#end(ref!)
    if (problem) publish?.reject(new ProblemError(problem))
    else publish?.resolve({ seq: seq! })
  }

  /** The connection is. Nobody knows of what was sent whether it was published; the rest still waits. */
  lost(): void {
    for (const [ref, { isSent }] of this.#waiting) if (isSent) this.#lose(ref)
  }

  refuse(problem: ProblemError): void {
    for (const ref of this.#waiting.keys()) this.#end(ref)!.reject(problem)
  }

  #lose(ref: string): void {
    const publish = this.#end(ref)!
    const detail = publish.isSent ? "No answer came: it may have been published." : "The channel can't be reached."
    publish.reject(refusal("unreachable", 0, detail))
  }

  #end(ref: string): Publish | undefined {
    const publish = this.#waiting.get(ref)
    clearTimeout(publish?.timer)
    this.#waiting.delete(ref)
    return publish
  }
}
