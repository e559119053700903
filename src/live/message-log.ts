/** A channel's messages, numbered: in the topic's SQLite where it has a history, else the newest in memory. */

import type { ChannelMessage } from "../core/live.ts"
import type { History, JoinOrder, Missed, PublishOrder } from "./objects.ts"
import { TopicTables } from "./topic-tables.ts"

/** Without a history: as much as fills the holes of hubs, and lets clients go on that were away for a moment. */
const MEMORY: History = { messages: 100, maxAgeMs: 30_000 }
/** Messages between two looks at what is too old. */
const PRUNE_EVERY = 100
const PRUNE_STEP = 1_000
/** Characters of one answer; a call between objects takes 32 MiB. */
const MOST_SIZE = 8_000_000

const TABLES = `CREATE TABLE messages (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  data TEXT NOT NULL,
  from_id TEXT NOT NULL,
  from_name TEXT
) STRICT`

/** In the key-value storage: what is kept of the log beside its messages. */
const LOG_KEY = "log"

interface KeptLog {
  readonly epoch: string
  readonly history: History
}

type Row = Record<"seq" | "at", number> & Record<"event" | "data" | "from_id", string> & { from_name: string | null }

export class MessageLog {
  readonly #kv: SyncKvStorage
  readonly #tables: TopicTables
  readonly #now: () => number
  #kept: KeptLog | undefined
  #epoch: string
  #last: number
  /** Oldest first; only where nothing is kept. */
  #recent: { at: number; message: ChannelMessage }[] = []
  #sincePrune = 0

  constructor({ kv, sql }: DurableObjectStorage, now: () => number) {
    this.#kv = kv
    this.#now = now
    this.#tables = new TopicTables(sql, "messages", TABLES)
    this.#kept = kv.get<KeptLog>(LOG_KEY)
    this.#epoch = this.#kept?.epoch ?? newEpoch(now())
    this.#last = this.#newest()
  }

  /** When the log was begun: 12 hexadecimal digits. */
  get epoch(): string {
    return this.#epoch
  }

  /** The number of the newest message. */
  get last(): number {
    return this.#last
  }

  /** Keeps messages as the channel is declared now. @returns Whether another log has begun. */
  follow(history: History | undefined): boolean {
    const before = this.#kept?.history
    if (!history && !before) return false
    if (history && before && isSame(history, before)) return false
    // numbers that only the memory knows can't be gone on with, and what isn't kept any more is not to be found again
    const isNew = !(history && before) && this.#last > 0
    if (isNew) this.#beginAnew()
    this.#keep(history)
    return isNew
  }

  append({ event, data, from }: PublishOrder): ChannelMessage {
    const at = this.#now()
    const message = { seq: ++this.#last, event, data, from, at: new Date(at).toISOString() }
    if (this.#kept) this.#store(message, at)
    else this.#remember(message, at)
    return message
  }

  after(seq: number): Missed {
    const messages = this.#read(seq)
    return { epoch: this.#epoch, messages, isWhole: seq <= this.#last && messages.length === this.#last - seq }
  }

  /** What one who joins is shown. */
  shown(since: JoinOrder["since"]): { messages: readonly ChannelMessage[]; isResumed: boolean } {
    if (since?.epoch === this.#epoch) {
      const { messages, isWhole } = this.after(since.seq)
      if (isWhole) return { messages, isResumed: true }
    }
    return { messages: this.#kept ? this.#read(0) : [], isResumed: false }
  }

  /** Removes some of what nobody is given any more, but never the newest, whose number the next would get. */
  prune(): void {
    if (!this.#kept) return
    this.#sincePrune = 0
    const { least, since } = this.#bounds(this.#kept.history)
    this.#tables.write(
      `DELETE FROM messages WHERE seq IN (
         SELECT seq FROM messages WHERE seq < ? AND (seq < ? OR at < ?) ORDER BY seq LIMIT ${PRUNE_STEP})`,
      this.#last,
      least,
      since,
    )
  }

  #keep(history: History | undefined): void {
    this.#kept = history && { epoch: this.#epoch, history }
    if (this.#kept) this.#kv.put(LOG_KEY, this.#kept)
    else this.#kv.delete(LOG_KEY)
  }

  #beginAnew(): void {
    const before = Number.parseInt(this.#epoch, 16)
    this.#epoch = newEpoch(Math.max(this.#now(), before + 1))
    this.#last = 0
    this.#recent = []
    if (this.#kept) this.#tables.write("DELETE FROM messages")
  }

  #newest(): number {
    const [row] = this.#tables.read<{ last: number | null }>("SELECT max(seq) AS last FROM messages")
    return row?.last ?? 0
  }

  #store({ seq, event, data, from }: ChannelMessage, at: number): void {
    const query = "INSERT INTO messages (seq, at, event, data, from_id, from_name) VALUES (?, ?, ?, ?, ?, ?)"
    this.#tables.write(query, seq, at, event, data, from.id, from.name ?? null)
    if (++this.#sincePrune >= PRUNE_EVERY) this.prune()
  }

  #remember(message: ChannelMessage, at: number): void {
    this.#recent.push({ at, message })
    const { least, since } = this.#bounds(MEMORY)
    const first = this.#recent.findIndex((one) => one.message.seq >= least && one.at >= since)
    if (first > 0) this.#recent.splice(0, first)
  }

  /** The newest that are after `seq`, still kept, and not too much for one answer. */
  #read(seq: number): ChannelMessage[] {
    const { least, since } = this.#bounds(this.#kept?.history ?? MEMORY)
    const from = Math.max(seq + 1, least)
    const messages: ChannelMessage[] = []
    let size = 0
    for (const message of this.#kept ? this.#rows(from, since) : this.#remembered(from, since)) {
      size += message.data.length
      if (size > MOST_SIZE) break
      messages.push(message)
    }
    return messages.reverse()
  }

  /** Newest first, as is {@link #remembered}. */
  *#rows(from: number, since: number): Iterable<ChannelMessage> {
    const query = "SELECT * FROM messages WHERE seq >= ? AND at >= ? ORDER BY seq DESC"
    for (const row of this.#tables.read<Row>(query, from, since)) yield toMessage(row)
  }

  *#remembered(from: number, since: number): Iterable<ChannelMessage> {
    for (const { at, message } of this.#recent.toReversed()) if (message.seq >= from && at >= since) yield message
  }

  #bounds({ messages, maxAgeMs }: History): { least: number; since: number } {
    return { least: this.#last - messages + 1, since: maxAgeMs === undefined ? 0 : this.#now() - maxAgeMs }
  }
}

function newEpoch(at: number): string {
  return at.toString(16).padStart(12, "0")
}

function isSame(one: History, other: History): boolean {
  return one.messages === other.messages && one.maxAgeMs === other.maxAgeMs
}

function toMessage({ seq, at, event, data, from_id: id, from_name: name }: Row): ChannelMessage {
  return { seq, event, data, from: name === null ? { id } : { id, name }, at: new Date(at).toISOString() }
}
