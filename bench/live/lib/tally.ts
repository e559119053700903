/** Counts messages and frames, and how long some of them were under way. */

import { SENT } from "./wire.ts"

export interface Tally {
  readonly messages: number
  readonly frames: number
  /** When the last message came; microseconds of the machine's clock, which never goes back. */
  readonly lastAt: number
  /** Of each sampled message when it was published, and how long it took; microseconds. */
  readonly sent: Float64Array
  readonly took: Float64Array
}

const MOST_SAMPLES = 200_000
const mark = Buffer.from(SENT)
const ZERO = 0x30
const NINE = 0x39

/** Microseconds, equal in all processes of the machine. */
export function nowMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

export class Counter {
  #messages = 0
  #frames = 0
  #lastAt = 0
  #samples = 0
  #sampleEvery = 1
  readonly #sent = new Float64Array(MOST_SAMPLES)
  readonly #took = new Float64Array(MOST_SAMPLES)

  /** @param sampleEvery 1 for each message, 16 for every sixteenth. */
  reset(sampleEvery: number): void {
    this.#messages = 0
    this.#frames = 0
    this.#samples = 0
    this.#sampleEvery = sampleEvery
  }

  get counts(): { readonly messages: number; readonly frames: number; readonly lastAt: number } {
    return { messages: this.#messages, frames: this.#frames, lastAt: this.#lastAt }
  }

  get tally(): Tally {
    return { ...this.counts, sent: this.#sent.slice(0, this.#samples), took: this.#took.slice(0, this.#samples) }
  }

  /** @returns Whether a message stands between `start` and `end`. */
  count(bytes: Buffer, start: number, end: number): boolean {
    let at = bytes.indexOf(mark, start)
    if (at < 0 || at >= end) return false
    const now = nowMicros()
    this.#frames++
    this.#lastAt = now
    for (; at >= 0 && at < end; at = bytes.indexOf(mark, at + mark.length)) {
      this.#messages++
      if (this.#samples < MOST_SAMPLES && this.#messages % this.#sampleEvery === 0) {
        const sent = numberAt(bytes, at + mark.length)
        this.#sent[this.#samples] = sent
        this.#took[this.#samples++] = now - sent
      }
    }
    return true
  }
}

function numberAt(bytes: Buffer, start: number): number {
  let value = 0
  for (let at = start; bytes[at]! >= ZERO && bytes[at]! <= NINE; at++) value = value * 10 + bytes[at]! - ZERO
  return value
}
