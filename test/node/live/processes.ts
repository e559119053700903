/** Live clients in other processes, and what they report. */

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import type { Message } from "../../live/client.ts"
import { Picture } from "../../live/picture.ts"
import type { ClientOptions, ClientOrder, ClientReport } from "./client.ts"

/** Generous, since all that runs at the same time shares the machine. */
const PATIENCE_MS = 30_000
/** Characters of a message that didn't help. */
const MOST_SHOWN = 500

export interface Told {
  readonly message: Message
  readonly connection: number
  readonly at: number
}

const running = new Set<LiveProcess>()

export async function stopClients(): Promise<void> {
  await Promise.all([...running].map((client) => client.kill()))
}

export class LiveProcess {
  /** Everything, as it came. */
  readonly told: Told[] = []
  /** Codes with which connections ended. */
  readonly closed: number[] = []
  readonly #subscriptions: readonly Message[]
  readonly #child: ChildProcess
  readonly #pictures = new Map<string, Picture>()

  constructor(options: ClientOptions) {
    this.#child = fork(join(import.meta.dirname, "client.ts"), [JSON.stringify(options)])
    this.#child.on("message", (report: ClientReport) => this.#hear(report))
    this.#subscriptions = options.subscriptions
    running.add(this)
  }

  order(order: ClientOrder): void {
    this.#child.send(order)
  }

  send(message: Message): void {
    this.order({ order: "send", message })
  }

  /** Of one subscription; all of them since the beginning, or those that `fits` is true for. */
  messages(id: string, fits: (message: Message) => boolean = () => true): Message[] {
    return this.told.map(({ message }) => message).filter((message) => message.id === id && fits(message))
  }

  picture(id: string): Picture {
    const known = this.#pictures.get(id) ?? new Picture()
    this.#pictures.set(id, known)
    return known
  }

  /** Resolves once it is true of what was told. */
  async until(isTrue: (client: LiveProcess) => boolean, patienceMs = PATIENCE_MS): Promise<void> {
    for (const end = Date.now() + patienceMs; !isTrue(this); await wait(10)) {
      if (Date.now() < end) continue
      const newest = this.told.slice(-5).map(({ message }) => JSON.stringify(message).slice(0, MOST_SHOWN))
      throw new Error(`not within ${patienceMs} ms: ${isTrue}; told ${newest.join("; ")}; closed ${this.closed}`)
    }
  }

  /** From now on it reads nothing, until it goes on. */
  stop(): void {
    this.#child.kill("SIGSTOP")
  }

  goOn(): void {
    this.#child.kill("SIGCONT")
  }

  /** SIGKILL: it can't say goodbye. */
  async kill(): Promise<void> {
    running.delete(this)
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill("SIGKILL")
    await once(this.#child, "exit")
  }

  #hear(report: ClientReport): void {
    if ("closed" in report) {
      this.closed.push(report.closed)
      return
    }
    const { frame, connection, at } = report
    for (const message of frame) this.told.push({ message, connection, at })
    for (const { id, type } of this.#subscriptions)
      if (type === "query") this.picture(id).apply(frame.filter((message) => message.id === id))
  }
}
