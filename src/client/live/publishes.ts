/** Messages that were published and have no answer yet. */

import type { ProblemError } from "../problem.ts"
import { frameText, refusal } from "./frames.ts"
import type { Subscriber } from "./subscriber.ts"

/** For the channel to be joined, and for the answer. */
const ANSWER_WITHIN_MS = 10_000

interface Publish {
  readonly subscriber: Subscriber
  readonly frame: object
  readonly timer: ReturnType<typeof setTimeout>
  isSent: boolean
  resolve(acknowledged: { readonly seq: string }): void
  reject(problem: ProblemError): void
}

export class Publishes {
  readonly #send: (frame: object) => void
  readonly #waiting = new Map<string, Publish>()
  #count = 0

  constructor(send: (frame: object) => void) {
    this.#send = send
  }

  /** Goes out as soon as the channel is joined. */
  add(subscriber: Subscriber, event: string, data: unknown): Promise<{ readonly seq: string }> {
    return new Promise((resolve, reject) => {
      const ref = `p${++this.#count}`
      const frame = { type: "publish", event, data, ref }
      frameText(frame)
      const timer = setTimeout(() => this.#lose((other) => other === publish), ANSWER_WITHIN_MS)
      const publish: Publish = { subscriber, frame, timer, isSent: false, resolve, reject }
      this.#waiting.set(ref, publish)
      if (subscriber.id !== "") this.sendOf(subscriber)
    })
  }

  sendOf(subscriber: Subscriber): void {
    for (const publish of this.#waiting.values()) {
      if (publish.subscriber !== subscriber || publish.isSent) continue
      publish.isSent = true
      this.#send({ ...publish.frame, id: subscriber.id })
    }
  }

  answer(ref: string, seq: string | undefined, problem?: ProblemError): void {
    const publish = this.#waiting.get(ref)
    if (!publish) return
    this.#waiting.delete(ref)
    clearTimeout(publish.timer)
    if (problem) publish.reject(problem)
    else publish.resolve({ seq: seq! })
  }

  /** The connection is lost. Nobody knows of what was sent whether it was published; the rest still waits. */
  lost(): void {
    this.#lose(({ isSent }) => isSent)
  }

  /** @param subscriber All of them, unless told. */
  refuse(problem: ProblemError, subscriber?: Subscriber): void {
    for (const [ref, publish] of this.#waiting)
      if (subscriber === undefined || publish.subscriber === subscriber) this.answer(ref, undefined, problem)
  }

  #lose(isConcerned: (publish: Publish) => boolean): void {
    for (const [ref, publish] of this.#waiting) {
      if (!isConcerned(publish)) continue
      const detail = publish.isSent ? "No answer came: it may have been published." : "The channel can't be reached."
      this.answer(ref, undefined, refusal("unreachable", 0, detail))
    }
  }
}
