/** A process full of subscribers, of which some publish; it does what the run orders. */

import type { Answers, Order, OrderOf } from "./lib/orders.ts"
import { Publisher } from "./lib/publisher.ts"
import { LeanSocket } from "./lib/socket.ts"
import { Counter } from "./lib/tally.ts"
import { type Wire, wireOf } from "./lib/wire.ts"

const READY_WITHIN_MS = 60_000
/** A client that got so much shows that it reads. */
const PING_AFTER_BYTES = 2 * 1024 * 1024
const SAID_CHARACTERS = 500
/** Pings are spread over their time in so many steps. */
const PING_STEPS = 100
/** engine.io asks so, and wants to be answered. */
const ASKED = "2"
const ANSWER = "3"

const counter = new Counter()
const sockets: LeanSocket[] = []
/** Subscriptions that a socket waits for. */
const missing = new Map<LeanSocket, { left: number; done: () => void }>()
let wire: Wire | undefined
let ready: Buffer
let acknowledged: Buffer
let publisher: Publisher | undefined
/** Codes of the sockets that the server has closed. */
const closed: number[] = []
/** The first complaint of the server. */
let said: string | undefined

process.on("message", (order: Order) => {
  carryOut(order).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : error }),
  )
})
process.once("disconnect", () => process.exit())

async function carryOut(order: Order): Promise<Answers[keyof Answers]> {
  if (order.kind === "open") return open(order)
  if (order.kind === "counts") return { ...counter.counts, closed, said }
  if (order.kind === "tally") return counter.tally
  if (order.kind === "publish") return publisher!.publish(order.how, order.perSecond, order.times)
  if (order.kind === "flood") return publisher!.flood(order.how, order.inFlight, order.ms)
  counter.reset(order.sampleEvery)
  return null
}

async function open({ port, wire: name, first, count, total }: OrderOf<"open">): Promise<null> {
  const opened = wireOf(name)
  wire = opened
  ready = Buffer.from(opened.ready ?? "")
  acknowledged = Buffer.from(opened.acknowledged)
  const stepMs = opened.pingEveryMs / PING_STEPS
  if (stepMs > 0) setInterval(() => pingDue(opened, Math.floor(performance.now() / stepMs)), stepMs)
  let next = first
  const openNext = async () => {
    while (next < first + count) await openOne(opened, port, next++, total)
  }
  await Promise.all(Array.from({ length: opened.opening }, openNext))
  publisher = new Publisher(opened, port, sockets)
  return null
}

let pingStep = 0

/** As a client in a channel does, so that it isn't taken for gone; what is late is made up for. */
function pingDue({ ping }: Wire, step: number): void {
  for (pingStep = Math.max(pingStep, step - PING_STEPS); pingStep < step; pingStep++)
    for (let at = pingStep % PING_STEPS; at < sockets.length; at += PING_STEPS)
      if (sockets[at]!.isOpen) sockets[at]!.send(ping!)
}

async function openOne(wire: Wire, port: number, index: number, total: number): Promise<void> {
  const address = { host: "127.0.0.1", port, path: wire.path(index, total) }
  const socket = new LeanSocket(index, address, { onText, onClose: (_, code) => closed.push(code) })
  sockets.push(socket)
  await socket.opened
  const hello = wire.hello(index)
  if (hello.length === 0) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const late = setTimeout(() => reject(new Error(`socket ${index} was never ready: ${said}`)), READY_WITHIN_MS)
  missing.set(socket, { left: hello.length, done: resolve })
  for (const frame of hello) socket.send(frame)
  await promise
  clearTimeout(late)
}

function onText(socket: LeanSocket, bytes: Buffer, start: number, end: number): void {
  const isMessage = counter.count(bytes, start, end)
  if (missing.size > 0) subscribed(socket, bytes.subarray(start, end))
  if (publisher?.isWaiting)
    for (let n = occurrences(bytes.subarray(start, end), acknowledged); n > 0; n--) publisher.acknowledged()
  if (wire?.ping !== undefined && socket.bytesSinceSent > PING_AFTER_BYTES) socket.send(wire.ping)
  if (isMessage) return
  const text = bytes.toString("utf8", start, Math.min(end, start + SAID_CHARACTERS))
  if (text === ASKED) socket.send(ANSWER)
  if (text.includes('"type":"problem"')) said ??= text
}

function subscribed(socket: LeanSocket, frame: Buffer): void {
  const waits = missing.get(socket)
  if (!waits) return
  waits.left -= occurrences(frame, ready)
  if (waits.left > 0) return
  missing.delete(socket)
  waits.done()
}

function occurrences(bytes: Buffer, mark: Buffer): number {
  let found = 0
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) found++
  return found
}
