/** The answers that one isolate holds, bounded in bytes: the one that was not asked for longest goes first. */

import type { Entry } from "./entry.ts"

const MOST_BYTES = 16 * 1024 * 1024
/** What an entry takes beside its body, key and headers, about. */
const OVERHEAD_BYTES = 1_024

export interface Held {
  readonly entry: Entry
  /** When it was last put into KV from here, or read from there. */
  storedAt: number
}

export class Memory {
  readonly #held = new Map<string, Held>()
  readonly #most: number
  #bytes = 0

  constructor(most = MOST_BYTES) {
    this.#most = most
  }

  get(key: string): Held | undefined {
    const held = this.#held.get(key)
    if (!held) return undefined
    this.#held.delete(key)
    this.#held.set(key, held)
    return held
  }

  set(held: Held): void {
    const { key } = held.entry
    this.#drop(key)
    this.#held.set(key, held)
    this.#bytes += bytesOf(held)
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#most) return
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    const held = this.#held.get(key)
    if (!held) return
    this.#held.delete(key)
    this.#bytes -= bytesOf(held)
  }
}

function bytesOf({ entry }: Held): number {
  const texts = [entry.key, ...Object.values(entry.headers)]
  return entry.body.byteLength + texts.reduce((sum, text) => sum + 2 * text.length, OVERHEAD_BYTES)
}
