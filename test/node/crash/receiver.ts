/** The outside party of the kill test: it does each effect once by its key, and notes what came. */

import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as wait } from "node:timers/promises"

export interface Effect {
  readonly kind: "charge" | "pack" | "change"
  readonly key: string
  readonly entryId?: string
  readonly amount?: number
  readonly recordId?: string
  readonly seq?: number
}

export interface Receiver {
  readonly url: string
  /** By key. */
  readonly effects: ReadonlyMap<string, Effect>
  /** Calls whose key was known. */
  readonly duplicates: number
  readonly refusals: number
  /** Changes that came behind a later one of the same record. */
  readonly disorder: readonly string[]
  readonly mostPacking: number
  close(): void
}

/** Of the calls, so many are refused before anything is done, and so many are done and never answered. */
const REFUSED = 0.03
const UNANSWERED = 0.03
const PACKING_MS = 20

export async function startReceiver(random: () => number): Promise<Receiver> {
  const effects = new Map<string, Effect>()
  const lastSeq = new Map<string, number>()
  const disorder: string[] = []
  let duplicates = 0
  let refusals = 0
  let packing = 0
  let mostPacking = 0

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const effect = JSON.parse((await request.setEncoding("utf8").toArray()).join("")) as Effect
    if (random() < REFUSED) {
      refusals++
      response.writeHead(503).end()
      return
    }
    if (effect.kind === "change") noteOrder(effect)
    if (effects.has(effect.key)) duplicates++
    effects.set(effect.key, effect)
    if (effect.kind === "pack") await hold(response)
    if (random() < UNANSWERED) response.destroy()
    else response.end()
  }

  function noteOrder({ recordId, seq }: Effect): void {
    const last = lastSeq.get(recordId!) ?? 0
    if (seq! < last) disorder.push(`record ${recordId}: change ${seq} came behind ${last}`)
    lastSeq.set(recordId!, Math.max(last, seq!))
  }

  async function hold(response: ServerResponse): Promise<void> {
    mostPacking = Math.max(mostPacking, ++packing)
    response.once("close", () => packing--)
    await wait(PACKING_MS)
  }

  const server = createServer((request, response) => {
    receive(request, response).catch(() => response.destroy()) // its caller was killed
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    effects,
    disorder,
    get duplicates() {
      return duplicates
    },
    get refusals() {
      return refusals
    },
    get mostPacking() {
      return mostPacking
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
