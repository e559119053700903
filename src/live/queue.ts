/** What waits for a hub while a call to it is under way; it goes with the next one. */

import type { Push } from "../core/live.ts"

/** Beyond these the hub is better off looking for itself what it has missed. */
const MOST_ITEMS = 1_000
/** Characters of JSON text. */
const MOST_SIZE = 4_000_000
/** What stands around the data of a message. */
const MESSAGE_FRAME = 256

/** A stretch of the topic's log. */
export type Items = Pick<Push, "previous" | "last" | "changes" | "callers" | "messages" | "bookmark" | "isReset">

export class Queue {
  #parts: Items[] = []
  #count = 0
  #size = 0

  get isEmpty(): boolean {
    return this.#parts.length === 0
  }

  /** @returns False when it doesn't fit; what alone is too large for the queue is taken into an empty one. */
  add(items: Items): boolean {
    if (this.#parts.length > 0) {
      if (this.#parts.length === 1) this.#weigh(this.#parts[0]!)
      this.#weigh(items)
      if (this.#count > MOST_ITEMS || this.#size > MOST_SIZE) return false
    }
    this.#parts.push(items)
    return true
  }

  /** @returns All of it as one stretch; undefined when there is nothing. */
  take(): Items | undefined {
    const parts = this.#parts
    this.clear()
    return parts.length > 1 ? joined(parts) : parts[0]
  }

  clear(): void {
    this.#parts = []
    this.#count = 0
    this.#size = 0
  }

  #weigh({ changes = [], callers = [], messages = [] }: Items): void {
    this.#count += changes.length + callers.length + messages.length
    for (const { event, data } of messages) this.#size += event.length + data.length + MESSAGE_FRAME
    if (changes.length > 0) this.#size += sizeOf(changes)
  }
}

/** The same changes wait for many hubs. */
const sizes = new WeakMap<object, number>()

function sizeOf(changes: object): number {
  const size = sizes.get(changes) ?? JSON.stringify(changes).length
  sizes.set(changes, size)
  return size
}

function joined(parts: readonly Items[]): Items {
  const changes = parts.flatMap((part) => part.changes ?? [])
  const callers = parts.flatMap((part) => part.callers ?? [])
  const messages = parts.flatMap((part) => part.messages ?? [])
  const last = parts.at(-1)!
  return {
    previous: parts[0]!.previous,
    last: last.last,
    ...(changes.length > 0 && { changes }),
    ...(callers.length > 0 && { callers }),
    ...(messages.length > 0 && { messages }),
    ...(last.bookmark !== undefined && { bookmark: last.bookmark }),
    ...(parts.some(({ isReset }) => isReset) && { isReset: true }),
  }
}
