/** The client processes, as the run sees them: the first publishes, all receive. */

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { cpus } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import type { Answers, Order, OrderOf } from "./orders.ts"
import type { Tally } from "./tally.ts"
import type { WireName } from "./wire.ts"

/** Sockets that also publish, in a process that has little else to do: each server lets one publish only so often. */
const PUBLISHERS = 64
/** One core is the server's. */
const RECEIVERS = Math.max(1, Math.min(4, cpus().length - 1))
const LOOK_EVERY_MS = 50

export interface Clients {
  /** Those that publish first, so that code is warm before the others come. @param share Of the sockets that come. */
  open(port: number, wire: WireName, total: number, share: "publishers" | "receivers"): Promise<void>
  reset(sampleEvery: number): Promise<void>
  publish(order: OrderOf<"publish" | "flood">): Promise<Answers["publish"]>
  /** Waits until as many messages have come, or no more come. @returns How many haven't. */
  settle(messages: number, withinMs: number): Promise<number>
  tallies(): Promise<Tally[]>
  stop(): void
}

export function publishersOf(total: number): number {
  return Math.min(PUBLISHERS, total)
}

export function startClients(): Clients {
  const processes = Array.from({ length: RECEIVERS + 1 }, () =>
    fork(join(import.meta.dirname, "../client.ts"), { stdio: "inherit", serialization: "advanced" }),
  )
  const [first, ...others] = processes as [ChildProcess, ...ChildProcess[]]
  const all = <K extends Order["kind"]>(order: OrderOf<K>) =>
    Promise.all(processes.map((process) => tell<K>(process, order)))
  return {
    async open(port, wire, total, share) {
      const publishers = publishersOf(total)
      const order = { kind: "open", port, wire, total } as const
      if (share === "publishers") return void (await tell<"open">(first, { ...order, first: 0, count: publishers }))
      const each = Math.ceil((total - publishers) / others.length)
      await Promise.all(
        others.map((process, n) => {
          const start = publishers + n * each
          return tell<"open">(process, { ...order, first: start, count: Math.max(0, Math.min(each, total - start)) })
        }),
      )
    },
    async reset(sampleEvery) {
      await all<"reset">({ kind: "reset", sampleEvery })
    },
    publish: (order) => tell<"publish" | "flood">(first, order),
    async settle(messages, withinMs) {
      const end = performance.now() + withinMs
      for (;;) {
        const counts = await all<"counts">({ kind: "counts" })
        const said = counts.find(({ said }) => said !== undefined)?.said
        if (said !== undefined) throw new Error(`the server complains: ${said}`)
        const closed = counts.flatMap((count) => count.closed)
        if (closed.length > 0)
          throw new Error(`the server has closed ${closed.length} sockets: ${[...new Set(closed)].join(", ")}`)
        const left = messages - counts.reduce((sum, count) => sum + count.messages, 0)
        if (left <= 0 || performance.now() > end) return left
        await wait(LOOK_EVERY_MS)
      }
    },
    tallies: () => all<"tally">({ kind: "tally" }),
    stop() {
      for (const process of processes) process.kill()
    },
  }
}

async function tell<K extends Order["kind"]>(process: ChildProcess, order: OrderOf<K>): Promise<Answers[K]> {
  process.send(order)
  const answered = new AbortController()
  const { signal } = answered
  const [answer] = (await Promise.race([
    once(process, "message", { signal }),
    once(process, "exit", { signal }).then(() => [{ error: "a client process ends" }]),
  ])) as [{ result: Answers[K] } | { error: string }]
  answered.abort()
  if ("error" in answer) throw new Error(answer.error)
  return answer.result
}
