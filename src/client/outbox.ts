/** Writes on their way: shown at once, sent one after the other, kept while there is no network. */

import { type Answer, backoffMs, type Call, type Http, isPassing, pause, waitMs } from "./http.ts"
import { isOnline, watchNetwork } from "./network.ts"
import { isProblem, refusal } from "./problem.ts"
import { call, type Store, Value } from "./store.ts"

/** How long a write is tried while the browser believes that there is a network. */
const PATIENCE_MS = 120_000
/** Versions that own writes have made. */
const MOST_SUCCESSORS = 1_000

export type ClientRecord = Readonly<Record<string, unknown>> & { readonly id: string }

/** What one write does to one record. */
export interface Write {
  readonly kind: "create" | "update" | "replace" | "delete"
  readonly collection: string
  readonly id: string
  /** As JSON has them. */
  readonly values: Readonly<Record<string, unknown>>
  /** The version that the record must still have; 0 is of an own create that had no answer. */
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
  /**
   * Writes that have no answer yet. They are kept in memory alone: a page that minds can ask before it is left, by a
   * listener of `beforeunload` while there are any.
   */
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
  /** Throws when somebody else is signed in than who wrote it. */
  readonly check: () => void
  resolve(records: readonly (ClientRecord | undefined)[]): void
  reject(reason: unknown): void
  aborted(): void
}

type Listener = (written: readonly Written[]) => void

export type Outbox = ReturnType<typeof createOutbox>

export function createOutbox(http: Http, user: Store<{ readonly id: string } | null>) {
  const state = new Value<OutboxState>({ pending: 0, isOnline: isOnline() })
  const entries: Entry[] = []
  const listeners = new Set<Listener>()
  /** By record and version, the version that an own write has made of it. */
  const successors = new Map<string, number>()
  let isSending = false
  let resting = new AbortController()

  user.subscribe(() => {
    for (const entry of [...entries])
      try {
        entry.check()
      } catch (reason) {
        withdraw(entry, reason)
      }
  })
  watchNetwork(() => {
    resting.abort()
    tell([])
  })

  async function sendAll(): Promise<void> {
    isSending = true
    for (let entry = entries[0]; entry; entry = entries[0]) {
      try {
        const { body, headers } = await send(entry)
        const records = entry.readAnswer(body)
        const bookmark = headers.has("Idempotency-Replayed") ? "" : (headers.get("Selvedge-Bookmark") ?? "")
        remember(entry.writes, records)
        remove(
          entry,
          entry.writes.map((write, index) => ({ write, record: records[index], bookmark })),
        )
        entry.resolve(records)
      } catch (error) {
        remove(entry, [])
        entry.reject(error)
      }
    }
    isSending = false
  }

  async function send(entry: Entry): Promise<Answer> {
    const { signal, check } = entry
    let failingSince: number | undefined
    for (let tries = 1; ; tries++) {
      signal?.throwIfAborted()
      check()
      let ms = backoffMs(tries)
      const at = Date.now()
      try {
        if (isOnline()) return await http.send({ ...entry.makeCall(versionOf), signal, check })
        failingSince = undefined
      } catch (error) {
        if (!isProblem(error) || !isPassing(error)) throw error
        failingSince ??= at
        if (isOnline() && Date.now() - failingSince >= PATIENCE_MS) throw error
        ms = waitMs(error, tries)
      }
      resting = new AbortController()
      await pause(ms, resting.signal).catch(() => undefined)
    }
  }

  /** Own writes that went before have moved the version on, and nobody else's have. */
  function versionOf(write: Write): number | undefined {
    let version = write.ifVersion
    for (let next = version; next !== undefined; next = successors.get(nameOf(write, version))) version = next
    return version
  }

  function remember(writes: readonly Write[], records: readonly (ClientRecord | undefined)[]): void {
    writes.forEach((write, index) => {
      const before = write.kind === "create" ? 0 : versionOf(write)
      const after = records[index]?.version
      if (before === undefined || typeof after !== "number" || after <= before) return
      successors.set(nameOf(write, before), after)
      if (successors.size > MOST_SUCCESSORS) successors.delete(successors.keys().next().value!)
    })
  }

  function withdraw(entry: Entry, reason: unknown): void {
    resting.abort()
    if (entries.indexOf(entry) <= 0) return // the first is being sent, and finds out by itself
    remove(entry, [])
    entry.reject(reason)
  }

  function remove(entry: Entry, written: readonly Written[]): void {
    entry.signal?.removeEventListener("abort", entry.aborted)
    entries.splice(entries.indexOf(entry), 1)
    tell(written)
  }

  function tell(written: readonly Written[]): void {
    const pending = entries.reduce((sum, { writes }) => sum + writes.length, 0)
    const before = state.get()
    if (before.pending !== pending || before.isOnline !== isOnline()) state.set({ pending, isOnline: isOnline() })
    for (const listener of [...listeners]) call(() => listener(written))
  }

  return {
    state,

    /** @param changed Told what has been written; with nothing when only what is pending has changed. */
    subscribe(changed: Listener): () => void {
      listeners.add(changed)
      return () => {
        listeners.delete(changed)
      }
    },

    /** Writes of a collection that have no answer yet, in their order. */
    pendingOf(collection: string): readonly Write[] {
      return entries.flatMap(({ writes }) => writes.filter((write) => write.collection === collection))
    },

    /**
     * @param signal What is aborted before it is sent never is; under way it may happen or not.
     * @throws ProblemError for a refusal; the signal's reason when it is aborted.
     */
    submit(
      writes: readonly Write[],
      makeCall: MakeCall,
      readAnswer: ReadAnswer,
      signal?: AbortSignal,
    ): Promise<readonly (ClientRecord | undefined)[]> {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        const aborted = () => withdraw(entry, signal!.reason)
        const check = stillBy(user)
        const entry: Entry = { writes, makeCall, readAnswer, signal, check, resolve, reject, aborted }
        entries.push(entry)
        signal?.addEventListener("abort", aborted)
        tell([])
        if (!isSending) void sendAll()
      })
    },
  }
}

function nameOf({ collection, id }: Write, version: number | undefined): string {
  return `${collection} ${id} ${version}`
}

/** @returns Throws as soon as somebody else is signed in than now. */
export function stillBy(user: Store<{ readonly id: string } | null>): () => void {
  const by = user.get()?.id
  return () => {
    if (user.get()?.id === by) return
    throw refusal("unauthenticated", 401, "Somebody else is signed in now.")
  }
}
