/** Hands what a topic has to its hubs: one call to each at a time, so that none holds up another. */

import type { Later } from "../core/later.ts"
import type { PresenceEntry, Push } from "../core/live.ts"
import { inTime, wait } from "../core/wait.ts"
import type { MemberHub, Members } from "./members.ts"
import type { HubStub, LiveNamespace } from "./objects.ts"
import { type Items, Queue } from "./queue.ts"

/** Under load, when something has come during a call already, the next one waits so long for more: frames cost, not bytes. */
const GATHER_MS = 4
/** A call that takes longer has failed. */
const LONGEST_CALL_MS = 10_000
const FIRST_BACKOFF_MS = 250
const LONGEST_BACKOFF_MS = 30_000
/** Who is present at a hub that fails for so long is taken off the list, and it is called more seldom. */
const GONE_AFTER_MS = 5 * 60_000
const GONE_BACKOFF_MS = 5 * 60_000
/** Its sockets may still listen; after so long it is forgotten. */
const FORGOTTEN_AFTER_MS = 24 * 3_600_000

export interface PresencePage {
  readonly entries: readonly PresenceEntry[]
  /** Whoever has the entries is told up to here. */
  readonly version: number
}

export interface FanOutOptions {
  readonly topic: string
  readonly members: Members
  hubs(): LiveNamespace<HubStub>
  /** Where the topic's log stands. */
  place(): { readonly epoch: string; readonly last: number }
  /** What of the presence a hub isn't told yet. */
  presenceAfter(told: number): PresencePage
  /** Called for a hub that is no member any more, or can't be reached for long. */
  gone(hub: string): void
  wakeBy(at: number): void
  readonly now: () => number
  readonly later: Later
}

interface Line extends MemberHub {
  readonly queue: Queue
  /** What waited for it was dropped: it will be told where the log stands, and look for itself. */
  isBehind: boolean
  /** It is to begin anew: what would have told it so was dropped, or its presence was. */
  mustReset: boolean
  /** Not before this time, after a failure. */
  retryAt: number
  isRunning: boolean
  /** The last run, or the one that goes on. */
  running: Promise<void> | undefined
}

export class FanOut {
  readonly #options: FanOutOptions
  readonly #lines = new Map<string, Line>()

  constructor(options: FanOutOptions, told: number) {
    this.#options = options
    for (const member of options.members.all())
      this.#lines.set(member.hub, newLine(member.failingSince === null ? { ...member, told } : member))
  }

  get isBusy(): boolean {
    return this.#lines.values().some(({ isRunning }) => isRunning)
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0
  }

  enter(hub: string, told: number): void {
    const gen = this.#options.members.enter(hub, told)
    const line = this.#lines.get(hub)
    if (!line) {
      this.#lines.set(hub, newLine({ hub, gen, told, failures: 0, failingSince: null }))
      return
    }
    line.gen = gen
    // it can be reached, it seems
    line.retryAt = 0
    if (line.failingSince !== null) this.#start(line)
  }

  send(items: Items): void {
    for (const line of this.#lines.values()) {
      if (line.isBehind || !line.queue.add(items)) leaveBehind(line, items)
      this.#start(line)
    }
  }

  /** Tells hubs what isn't told, such as the presence, and those that have failed where the log stands. */
  go(): void {
    for (const line of this.#lines.values()) this.#start(line)
  }

  /** Drops what waits, because it is of another log. */
  drop(): void {
    for (const { queue } of this.#lines.values()) queue.clear()
  }

  /** Tells every hub where the log stands. */
  tellPlace(): void {
    for (const line of this.#lines.values()) leaveBehind(line)
    this.go()
  }

  /** Resolves when each hub has what was due to it, or has failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#lines.values().map(({ running }) => running))
  }

  /** When a hub that failed is called again. */
  nextRetry(): number | undefined {
    const failing = [...this.#lines.values()].filter(({ failingSince }) => failingSince !== null)
    return failing.length > 0 ? Math.min(...failing.map(({ retryAt }) => retryAt)) : undefined
  }

  #start(line: Line): void {
    if (line.isRunning) return
    if (line.failingSince !== null && this.#options.now() < line.retryAt) return
    line.isRunning = true
    line.running = this.#run(line)
    this.#options.later(line.running)
  }

  async #run(line: Line): Promise<void> {
    try {
      let next = this.#next(line)
      while (next && (await this.#deliver(line, next.push, next.told))) {
        if (!line.queue.isEmpty) await wait(GATHER_MS)
        next = this.#next(line)
      }
    } finally {
      line.isRunning = false
    }
  }

  #next(line: Line): { push: Push; told: number } | undefined {
    const { topic, place, presenceAfter } = this.#options
    const { entries, version } = presenceAfter(line.told)
    if (!line.isBehind && line.queue.isEmpty && entries.length === 0) return undefined
    line.isBehind = false
    const { epoch, last } = place()
    const items = line.queue.take() ?? { previous: last, last }
    const isReset = line.mustReset || this.#isGone(line)
    const push = {
      topic,
      epoch,
      ...items,
      ...(entries.length > 0 && { presence: entries }),
      ...(isReset && { isReset }),
    }
    line.mustReset = false
    return { push, told: version }
  }

  /** @returns Whether it may be called again. */
  async #deliver(line: Line, push: Push, told: number): Promise<boolean> {
    const { hubs } = this.#options
    const { hub, gen } = line
    try {
      // a new stub for each call: one that has failed stays broken
      const call = hubs().getByName(hub).deliver(push)
      const listening = await inTime(call, LONGEST_CALL_MS, () =>
        Promise.reject(new Error(`it took longer than ${LONGEST_CALL_MS} ms`)),
      )
      line.told = told
      if (line.failingSince !== null) this.#recovered(line)
      return listening > 0 || !this.#remove(line, gen)
    } catch (error) {
      if (push.isReset) line.mustReset = true
      this.#failed(line, gen, error)
      return false
    }
  }

  #recovered(line: Line): void {
    line.failures = 0
    line.failingSince = null
    this.#options.members.keep(line)
  }

  #failed(line: Line, gen: number, error: unknown): void {
    const { topic, now, members, gone, wakeBy } = this.#options
    const { hub, failures } = line
    // whoever enters while it fails begins anew
    const isSame = line.gen === gen
    line.failingSince = (isSame ? line.failingSince : null) ?? now()
    if (failures === 0) report({ event: "hub_failed", topic, hub, causes: [String(error)] })
    const isTooLong = now() - line.failingSince >= FORGOTTEN_AFTER_MS
    if (isTooLong && this.#remove(line, gen)) {
      report({ event: "hub_forgotten", topic, hub })
      return
    }
    leaveBehind(line)
    const isGone = this.#isGone(line)
    line.failures = failures + 1
    line.retryAt = now() + Math.min(isGone ? GONE_BACKOFF_MS : LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** failures)
    members.keep(line)
    if (isGone) {
      line.mustReset = true
      gone(hub)
    }
    wakeBy(line.retryAt)
  }

  #isGone({ failingSince }: Line): boolean {
    return failingSince !== null && this.#options.now() - failingSince >= GONE_AFTER_MS
  }

  /** Nobody listens there any more, unless the hub has entered meanwhile. */
  #remove(line: Line, gen: number): boolean {
    if (!this.#options.members.remove(line.hub, gen)) return false
    this.#lines.delete(line.hub)
    this.#options.gone(line.hub)
    return true
  }
}

function newLine(member: MemberHub): Line {
  return {
    ...member,
    queue: new Queue(),
    isBehind: member.failingSince !== null,
    mustReset: false,
    retryAt: 0,
    isRunning: false,
    running: undefined,
  }
}

function leaveBehind(line: Line, more?: Items): void {
  const dropped = line.queue.take()
  line.isBehind = true
  if (dropped?.isReset || more?.isReset) line.mustReset = true
}

function report(line: Record<string, unknown>): void {
  console.error(JSON.stringify({ level: "error", ...line }))
}
