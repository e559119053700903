/** Writes on their way: shown at once, sent one after the other, kept while there is no network. */

import { backoffMs, type Call, type Http, pause } from "./http.ts"
import { isOnline, watchNetwork } from "./network.ts"
import { isProblem, ProblemError } from "./problem.ts"
import { call, Value } from "./store.ts"

/** How long a write is tried while the browser believes that there is a network. */
const PATIENCE_MS = 120_000

export type ClientRecord = Readonly<Record<string, unknown>> & { readonly id: string }

/** What one write does to one record. */
export interface Write {
  readonly kind: "create" | "update" | "replace" | "delete"
  readonly collection: string
  readonly id: string
  readonly values: Readonly<Record<string, unknown>>
  /** The version that the record must still have. */
  readonly ifVersion?: number | undefined
}

/** What became of one write, by its answer: the record as the server has it, undefined where it is gone or unseen. */
export interface Written {
  readonly write: Write
  readonly record: ClientRecord | undefined
  /** The place in the database's history where it was done; empty for the answer to a repeat, which may be of long ago. */
  readonly bookmark: string
}

export interface OutboxState {
  /** Writes that have no answer yet. */
  readonly pending: number
  readonly isOnline: boolean
}

/** Makes the request out of the versions that its records have by then. */
export type MakeCall = (versionOf: (write: Write) => number | undefined) => Call

/** What each write of a request has become, by its answer. */
export type ReadAnswer = (body: unknown) => readonly (ClientRecord | undefined)[]

interface Entry {
  readonly writes: readonly Write[]
  readonly makeCall: MakeCall
  readonly readAnswer: ReadAnswer
  readonly signal: AbortSignal | undefined
  /** The user that it is written by. */
  readonly by: string | undefined
  readonly since: number
  resolve(records: readonly (ClientRecord | undefined)[]): void
  reject(reason: unknown): void
}

type Listener = (written: readonly Written[]) => void

export class Outbox {
  readonly state = new Value<OutboxState>({ pending: 0, isOnline: isOnline() })
  readonly #http: Http
  readonly #userId: () => string | undefined
  readonly #entries: Entry[] = []
  readonly #listeners = new Set<Listener>()
  /** By id and version, the version that an own write has made of it. */
  readonly #successors = new Map<string, number>()
  #isSending = false
  #wake = new AbortController()

  constructor(http: Http, userId: () => string | undefined) {
    this.#http = http
    this.#userId = userId
    watchNetwork(() => {
      this.#wake.abort()
      this.#tell([])
    })
  }

  /** @param changed Told what has been written; with nothing when only what is pending has changed. */
  subscribe(changed: Listener): () => void {
    this.#listeners.add(changed)
    return () => {
      this.#listeners.delete(changed)
    }
  }

  /** Writes of a collection that have no answer yet, in their order. */
  pendingOf(collection: string): readonly Write[] {
    return this.#entries.flatMap(({ writes }) => writes.filter((write) => write.collection === collection))
  }

  /** @throws ProblemError for a refusal; the signal's reason when it is aborted. */
  submit(
    writes: readonly Write[],
    makeCall: MakeCall,
    readAnswer: ReadAnswer,
    signal?: AbortSignal,
  ): Promise<readonly (ClientRecord | undefined)[]> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const by = this.#userId()
      const entry: Entry = { writes, makeCall, readAnswer, signal, by, since: Date.now(), resolve, reject }
      this.#entries.push(entry)
      signal?.addEventListener("abort", () => this.#withdraw(entry), { once: true })
      this.#tell([])
      if (!this.#isSending) void this.#sendAll()
    })
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true
    for (let entry = this.#entries[0]; entry; entry = this.#entries[0]) {
      try {
        const { body, headers } = await this.#send(entry)
        const records = entry.readAnswer(body)
        const bookmark = headers.has("Idempotency-Replayed") ? "" : (headers.get("Selvedge-Bookmark") ?? "")
        this.#remember(entry.writes, records)
        this.#remove(
          entry,
          entry.writes.map((write, index) => ({ write, record: records[index], bookmark })),
        )
        entry.resolve(records)
      } catch (error) {
        this.#remove(entry, [])
        entry.reject(error)
      }
    }
    this.#isSending = false
  }

  async #send(entry: Entry) {
    const check = () => {
      if (entry.by !== undefined && entry.by !== this.#userId()) throw signedOut()
    }
    for (let tries = 1; ; tries++) {
      entry.signal?.throwIfAborted()
      check()
      try {
        if (isOnline())
          return await this.#http.send({ ...entry.makeCall(this.#versionOf), signal: entry.signal, check })
      } catch (error) {
        const mayPass = isProblem(error, "unreachable") && (!isOnline() || Date.now() - entry.since < PATIENCE_MS)
        if (!mayPass) throw error
      }
      await this.#rest(entry, tries)
    }
  }

  /** Until the network is back, or for a while. */
  async #rest({ signal }: Entry, tries: number): Promise<void> {
    this.#wake = new AbortController()
    const until = signal ? AbortSignal.any([signal, this.#wake.signal]) : this.#wake.signal
    await pause(backoffMs(tries), until).catch(() => undefined)
  }

  /** Own writes that went before have moved the version on, and nobody else's have. */
  readonly #versionOf = ({ id, ifVersion }: Write): number | undefined => {
    let version = ifVersion
    for (let next = version; next !== undefined; next = this.#successors.get(`${id} ${version}`)) version = next
    return version
  }

  #remember(writes: readonly Write[], records: readonly (ClientRecord | undefined)[]): void {
    writes.forEach((write, index) => {
      const before = this.#versionOf(write)
      const after = records[index]?.version
      if (before !== undefined && typeof after === "number" && after > before)
        this.#successors.set(`${write.id} ${before}`, after)
    })
  }

  #withdraw(entry: Entry): void {
    if (this.#entries.indexOf(entry) <= 0) return // the first is being sent, and hears of it by itself
    this.#remove(entry, [])
    entry.reject(entry.signal!.reason)
  }

  #remove(entry: Entry, written: readonly Written[]): void {
    this.#entries.splice(this.#entries.indexOf(entry), 1)
    this.#tell(written)
  }

  #tell(written: readonly Written[]): void {
    const pending = this.#entries.length
    const before = this.state.get()
    if (before.pending !== pending || before.isOnline !== isOnline()) this.state.set({ pending, isOnline: isOnline() })
    for (const listener of [...this.#listeners]) call(() => listener(written))
  }
}

function signedOut(): ProblemError {
  const detail = "Somebody else is signed in than who wrote this."
  return new ProblemError({ code: "unauthenticated", status: 401, title: "Unauthenticated", detail })
}
