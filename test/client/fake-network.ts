/** A `fetch` to a real server over a network that loses, delays, doubles and reorders. */

import { setTimeout as wait } from "node:timers/promises"

/**
 * - `lost`: it never arrives
 * - `unanswered`: it is carried out, and the answer is lost
 * - `doubled`: it arrives twice at the same time, and either answer comes
 * - `echoed`: it arrives once more, long after its answer, unless that was a refusal: those aren't kept under the key
 * - `late`, `slow`: it, or its answer, is overtaken by others
 * - `busy`, `limited`: somebody refuses it before it is looked at; `failed` after it was carried out
 * - `page`: somebody else answers, as in a hotel
 */
export const FATES = [
  "well",
  "lost",
  "unanswered",
  "doubled",
  "echoed",
  "late",
  "slow",
  "busy",
  "limited",
  "failed",
  "page",
] as const
export type Fate = (typeof FATES)[number]

const LATE_MS = 60
const ECHO_MS = 150
/** In a row; then one comes through, so that nobody loses patience. */
const MOST_BAD = 3

export class FakeNetwork {
  /** From now on it is a good one. */
  isGood = false
  readonly #fates: readonly Fate[]
  readonly #echoes: Promise<unknown>[] = []
  #count = 0
  #bad = 0

  /** @param fates Of requests, in their order, over and over. */
  constructor(fates: readonly Fate[]) {
    this.#fates = fates
  }

  /** All that was sent has arrived. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#echoes)
  }

  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const send = () => fetch(input, init)
    switch (this.#next()) {
      case "well":
        return send()
      case "lost":
        throw new TypeError("lost")
      case "unanswered":
        await (await send()).text()
        throw new TypeError("unanswered")
      case "doubled": {
        const answers = await Promise.all([send(), send()])
        const [one, other] = this.#count % 2 === 0 ? answers : answers.toReversed()
        await other!.text()
        return one!
      }
      case "echoed": {
        const answer = await send()
        const echo = async () => (await fetch(input, { ...init, signal: null })).text()
        if (answer.ok) this.#echoes.push(wait(ECHO_MS).then(echo))
        return answer
      }
      case "late":
        await wait(LATE_MS)
        return send()
      case "slow": {
        const answer = await send()
        await wait(LATE_MS)
        return answer
      }
      case "busy":
        return new Response("<h1>Busy</h1>", { status: 503, headers: { "Retry-After": "0" } })
      case "limited":
        return new Response(null, { status: 429, headers: { "Retry-After": new Date().toUTCString() } })
      case "failed":
        await (await send()).text()
        return new Response(null, { status: 502 })
      case "page":
        return new Response("<h1>Welcome to the hotel</h1>", { headers: { "Content-Type": "text/html" } })
    }
  }

  #next(): Fate {
    const fate = this.#fates[this.#count++ % this.#fates.length] ?? "well"
    const isBad = !["well", "late", "slow", "doubled", "echoed"].includes(fate)
    this.#bad = isBad ? this.#bad + 1 : 0
    if (this.isGood || this.#bad > MOST_BAD) {
      this.#bad = 0
      return "well"
    }
    return fate
  }
}
