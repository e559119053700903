/** The load generator, a process of its own: 16 connections, each sends its next request when it has an answer. */

import { Agent } from "node:http"
import { ask, type BenchRequest } from "./ask.ts"

export interface LoadOrder {
  readonly origin: string
  readonly requests: readonly BenchRequest[]
  readonly ms: number
}

/** Times in milliseconds. */
export interface LoadResult {
  readonly requests: number
  readonly ms: number
  readonly p50: number
  readonly p99: number
}

const CONNECTIONS = 16

/** Its connections outlive a slice, so that none pays for opening them. */
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: CONNECTIONS })

process.on("message", (order: LoadOrder) => {
  run(order).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})

async function run({ origin, requests, ms }: LoadOrder): Promise<LoadResult> {
  const times: number[] = []
  const started = performance.now()
  let next = Math.floor(Math.random() * requests.length)
  async function connection(): Promise<void> {
    for (let now = performance.now(); now < started + ms; ) {
      await ask(agent, origin, requests[next++ % requests.length]!)
      const answered = performance.now()
      times.push(answered - now)
      now = answered
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  const took = performance.now() - started
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!
  return { requests: times.length, ms: took, p50: at(0.5), p99: at(0.99) }
}
