/** Clients that send each write, under its Idempotency-Key, until it is acknowledged. */

import { randomUUID } from "node:crypto"
import { setTimeout as wait } from "node:timers/promises"

/** What was acknowledged. */
export interface Written {
  readonly kind: "purchase" | "entry"
  readonly name: string
  readonly id: string
  readonly amount: number
  /** Updates that followed. */
  readonly steps: number
}

export interface Writers {
  readonly written: readonly Written[]
  readonly acknowledged: number
  /** Requests that were sent again. */
  readonly retries: number
  /** Of those, such whose write had been committed before. */
  readonly replays: number
  /** Answers that no write of theirs should get. */
  readonly refusals: readonly string[]
  /** Resolves when each writer has its last acknowledgement. */
  stop(): Promise<void>
}

const RETRY_MS = 30
/** Long enough that the local queue, which shares its thread with all requests, gets its turn. */
const MOST_PAUSE_MS = 250
const STEPS = 3
/** Longer than a request takes; one that hangs in a killed process is sent again. */
const PATIENCE_MS = 5_000

/** @param url Where the server is now, asked before each request; undefined while it is down. */
export function startWriters(
  count: number,
  url: () => string | undefined,
  tallyIds: readonly string[],
  random: () => number,
): Writers {
  const written: Written[] = []
  const refusals: string[] = []
  const sums = { acknowledged: 0, retries: 0, replays: 0 }
  let isStopping = false

  async function write(): Promise<void> {
    while (!isStopping) {
      const name = randomUUID()
      const amount = 1 + Math.floor(random() * 100)
      if (random() < 0.5) {
        const tallyId = tallyIds[Math.floor(random() * tallyIds.length)]!
        const { id } = await untilAcknowledged("POST", "v1/purchases", { name, amount, tallyId })
        written.push({ kind: "purchase", name, id, amount, steps: 0 })
      } else {
        const { id } = await untilAcknowledged("POST", "v1/entries", { name, amount })
        for (let steps = 1; steps <= STEPS; steps++) await untilAcknowledged("PATCH", `v1/entries/${id}`, { steps })
        written.push({ kind: "entry", name, id, amount, steps: STEPS })
      }
    }
  }

  async function untilAcknowledged(method: string, path: string, body: object): Promise<{ id: string }> {
    const key = randomUUID()
    for (;;) {
      const answer = await send(method, path, key, JSON.stringify(body))
      if (answer?.ok) {
        sums.acknowledged++
        if (answer.isReplay) sums.replays++
        await wait(random() * MOST_PAUSE_MS)
        return answer.body as { id: string }
      }
      if (answer && answer.status < 500 && answer.status !== 409) {
        refusals.push(`${method} /${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
        throw new Error(refusals.at(-1))
      }
      sums.retries++
      await wait(RETRY_MS)
    }
  }

  async function send(method: string, path: string, key: string, body: string) {
    const base = url()
    if (!base) return undefined
    try {
      const headers = { "Content-Type": "application/json", "Idempotency-Key": key }
      const signal = AbortSignal.timeout(PATIENCE_MS)
      const response = await fetch(base + path, { method, headers, body, signal })
      const { status, ok } = response
      return { status, ok, isReplay: response.headers.has("Idempotency-Replayed"), body: await response.json() }
    } catch {
      return undefined // it was killed in the middle
    }
  }

  const writers = Promise.allSettled(Array.from({ length: count }, write))
  return {
    written,
    refusals,
    get acknowledged() {
      return sums.acknowledged
    },
    get retries() {
      return sums.retries
    },
    get replays() {
      return sums.replays
    },
    async stop() {
      isStopping = true
      await writers
    },
  }
}
