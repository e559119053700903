/** What one server does for so many subscribers. */

import { setTimeout as wait } from "node:timers/promises"
import { type Clients, publishersOf, startClients } from "./clients.ts"
import type { How } from "./orders.ts"
import type { Commits } from "./rows.ts"
import { type HostName, type Server, startServer } from "./servers.ts"
import { nowMicros, type Tally } from "./tally.ts"
import type { WireName } from "./wire.ts"

export interface Subject {
  readonly name: string
  readonly host: HostName
  readonly wire: WireName
  /** Below saturation. */
  readonly how: How
  /** At saturation, one after the other; the first also warms up. */
  readonly floods: readonly Flood[]
}

export interface Flood {
  readonly how: How
  readonly inFlight: number
}

/** Milliseconds. */
export interface Delay {
  readonly p50: number
  readonly p99: number
  /** Whether messages came more slowly than they were published. */
  readonly isSaturated: boolean
}

export interface Saturation extends Flood {
  readonly messagesPerSecond: number
  readonly framesPerSecond: number
  readonly publishedPerSecond: number
  readonly cpuMicrosPerMessage: number
  /** Share of the time in which the server's limit let nobody publish. */
  readonly heldUp: number
  readonly missing: number
}

export interface Result {
  readonly subject: string
  readonly subscribers: number
  /** `undefined` where too few came to tell. */
  readonly kbPerSocket: number | undefined
  readonly idleCpuMsPerSecond: number
  readonly slow: Delay
  /** `undefined` where it would be beyond what a server can do. */
  readonly quick: Delay | undefined
  readonly floods: readonly Saturation[]
}

/** How long, and how often. */
export interface Times {
  readonly idleMs: number
  readonly floodMs: number
  readonly slowTimes: number
  readonly quickTimes: number
}

const SLOW = 1
const QUICK = 10
/** More frames a second than that are no load below saturation, for any server on one core. */
const MOST_FRAMES_PER_SECOND = 50_000
/** More take longer to be delivered than anybody waits. */
const MOST_FRAMES_IN_FLIGHT = 70_000
const WARM_UP_MS = 700
const SETTLE_MS = 1_500
/** After it, what still comes is no answer to the load. */
const DRAIN_MS = 15_000
/** A server keeps up that has delivered all so soon after the last was published. */
const KEEPS_UP_MS = 900
/** Of fewer sockets the memory can't be told from what else is allocated. */
const FEWEST_FOR_MEMORY = 500
const SAMPLE_OF_FLOOD = 16

export async function measure(subject: Subject, subscribers: number, folder: string, times: Times): Promise<Result> {
  const server = await startServer(subject.host, folder)
  const clients = startClients()
  const run: Run = { subject, subscribers, server, clients }
  try {
    await clients.open(server.port, subject.wire, subscribers, "publishers")
    await flood({ ...run, subscribers: publishersOf(subscribers) }, subject.floods[0]!, WARM_UP_MS)
    await wait(SETTLE_MS)
    const memoryBefore = server.memoryKb()
    await clients.open(server.port, subject.wire, subscribers, "receivers")
    await wait(SETTLE_MS)
    const idleCpuMsPerSecond = await idle(server, times.idleMs)
    const memoryKb = server.memoryKb() - memoryBefore
    const opened = subscribers - publishersOf(subscribers)
    await flood(run, subject.floods[0]!, WARM_UP_MS)
    const slow = await delays(run, SLOW, times.slowTimes)
    const isPossible = subscribers * QUICK <= MOST_FRAMES_PER_SECOND
    const quick = isPossible ? await delays(run, QUICK, times.quickTimes) : undefined
    const floods: Saturation[] = []
    for (const one of subject.floods)
      if (subscribers * one.inFlight <= MOST_FRAMES_IN_FLIGHT) floods.push(await flood(run, one, times.floodMs))
    const kbPerSocket = opened < FEWEST_FOR_MEMORY ? undefined : memoryKb / opened
    return { subject: subject.name, subscribers, kbPerSocket, idleCpuMsPerSecond, slow, quick, floods }
  } finally {
    clients.stop()
    await server.stop()
  }
}

interface Run {
  readonly subject: Subject
  readonly subscribers: number
  readonly server: Server
  readonly clients: Clients
}

async function idle(server: Server, ms: number): Promise<number> {
  const before = server.cpuMs()
  await wait(ms)
  return (server.cpuMs() - before) / (ms / 1_000)
}

/** From publishing to receipt; for rows of the database from their commit. */
async function delays(
  { subject, subscribers, server, clients }: Run,
  perSecond: number,
  times: number,
): Promise<Delay> {
  await clients.reset(1)
  const { how } = subject
  const published = await clients.publish({ kind: "publish", how, perSecond, times })
  const missing = await clients.settle(published.messages * subscribers, DRAIN_MS)
  if (missing > 0) throw new Error(`${missing} messages never came`)
  const tallies = await clients.tallies()
  const took = how === "frame" ? tallies.flatMap(({ took }) => [...took]) : sinceCommit(tallies, await server.commits())
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))]! / 1_000
  const lastAt = Math.max(...tallies.map((tally) => tally.lastAt))
  const publishedMs = ((times - 1) * 1_000) / perSecond
  const isSaturated = (lastAt - published.firstAt) / 1_000 > publishedMs + KEEPS_UP_MS
  return { p50: at(0.5), p99: at(0.99), isSaturated }
}

/** The database tells the time of day: what lies between that and the other clock is measured here. */
function sinceCommit(tallies: readonly Tally[], commits: Commits): number[] {
  const offset = nowMicros() - (Date.now() + 0.5) * 1_000
  const committed = new Map(commits.map(([sent, at]) => [sent, at * 1_000 + offset]))
  return tallies.flatMap(({ sent, took }) => [...took].map((micros, n) => sent[n]! + micros - committed.get(sent[n]!)!))
}

async function flood({ subscribers, server, clients }: Run, { how, inFlight }: Flood, ms: number): Promise<Saturation> {
  await clients.reset(SAMPLE_OF_FLOOD)
  const before = server.cpuMs()
  const published = await clients.publish({ kind: "flood", how, inFlight, ms })
  const missing = await clients.settle(published.messages * subscribers, DRAIN_MS)
  const cpuMs = server.cpuMs() - before
  const tallies = await clients.tallies()
  const messages = tallies.reduce((sum, tally) => sum + tally.messages, 0)
  const frames = tallies.reduce((sum, tally) => sum + tally.frames, 0)
  const seconds = (Math.max(...tallies.map(({ lastAt }) => lastAt)) - published.firstAt) / 1_000_000
  return {
    how,
    inFlight,
    messagesPerSecond: messages / seconds,
    framesPerSecond: frames / seconds,
    publishedPerSecond: (published.messages * 1_000_000) / (published.endedAt - published.firstAt),
    cpuMicrosPerMessage: (cpuMs * 1_000) / messages,
    heldUp: published.heldUp / (published.endedAt - published.firstAt),
    missing: Math.max(0, missing),
  }
}
