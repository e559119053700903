/** The load generator, a process of its own: 16 connections, each sends its next request when it has an answer. */

import { randomUUID } from "node:crypto"
import { Agent } from "node:http"
import { ask, type BenchRequest } from "./ask.ts"

export interface LoadOrder {
  readonly origin: string
  readonly requests: readonly BenchRequest[]
  readonly ms: number
  /** In place of a time: so many requests, one after the other. */
  readonly count?: number
  /** Between two of them. */
  readonly everyMs?: number
}

/** Times in milliseconds. */
export interface LoadResult {
  readonly requests: number
  readonly ms: number
  readonly p50: number
  readonly p99: number
  /** The last body, where requests were counted. */
  readonly answer?: string | undefined
}

const CONNECTIONS = 16

/** Its connections outlive a slice, so that none pays for opening them. */
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: CONNECTIONS })
/** Bodies of requests that carry something of the answer before, by the first body. */
const carried = new Map<string, string>()
/** Its answer isn't there yet. */
const IN_USE = ""

process.on("message", (order: LoadOrder) => {
  run(order).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})

async function run({ origin, requests, ms, count, everyMs = 0 }: LoadOrder): Promise<LoadResult> {
  const times: number[] = []
  const started = performance.now()
  let next = Math.floor(Math.random() * requests.length)
  let answer: string | undefined
  function nextFree(): BenchRequest {
    const request = requests[next++ % requests.length]!
    return carried.get(request.body ?? "") === IN_USE ? nextFree() : request
  }
  async function connection(): Promise<void> {
    for (let now = performance.now(); count === undefined ? now < started + ms : times.length < count; ) {
      const text = await askNext(origin, nextFree())
      const answered = performance.now()
      times.push(answered - now)
      now = answered
      if (count !== undefined) answer = text
      if (everyMs > 0) now = await waitUntil(started + times.length * everyMs)
    }
  }
  await Promise.all(Array.from({ length: count === undefined ? CONNECTIONS : 1 }, connection))
  const took = performance.now() - started
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!
  return { requests: times.length, ms: took, p50: at(0.5), p99: at(0.99), answer }
}

async function askNext(origin: string, request: BenchRequest): Promise<string> {
  const { unique, carries, body } = request
  if (unique !== undefined)
    return ask(agent, origin, { ...request, headers: { ...request.headers, [unique]: randomUUID() } })
  if (carries === undefined || body === undefined) return ask(agent, origin, request)
  const sent = carried.get(body) ?? body
  carried.set(body, IN_USE)
  const text = await ask(agent, origin, { ...request, body: sent })
  const { [carries]: value } = JSON.parse(text) as Record<string, unknown>
  carried.set(body, JSON.stringify({ [carries]: value }))
  return text
}

async function waitUntil(time: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())))
  return performance.now()
}
