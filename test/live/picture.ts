/** What a client holds that applies every frame of a live query, and whether the frames were as promised. */

import type { Message } from "./client.ts"

export class Picture {
  readonly records = new Map<string, Message>()
  /** Frames that break a promise, in words. */
  readonly faults: string[] = []
  /** Of the newest frame; what a client sends as `since`. */
  seq: string | undefined
  /** Whether frames of a query that had the same id may still be on their way. */
  readonly #isSecond: boolean
  /** How many snapshots and changes have come. */
  snapshots = 0
  changes = 0

  constructor(isSecond = false) {
    this.#isSecond = isSecond
  }

  /** @param frame The messages of one frame that are about this query. */
  apply(frame: readonly Message[]): void {
    const before = this.seq
    for (const message of frame) {
      if (message.type === "snapshot") this.#begin(message)
      else if (message.type === "change" && !this.#isOfFirst()) this.#change(message, before)
    }
  }

  /** By id, so that two of them can be compared. */
  sorted(): Message[] {
    return sortById([...this.records.values()])
  }

  #isOfFirst(): boolean {
    return this.#isSecond && this.seq === undefined
  }

  #begin({ seq, data }: Message): void {
    if (typeof seq !== "string") this.faults.push(`a snapshot with the seq ${seq}`)
    this.snapshots++
    this.seq = seq
    this.records.clear()
    for (const record of data) this.records.set(record.id, record)
  }

  #change({ seq, op, recordId, record, ...rest }: Message, before: string | undefined): void {
    const at = `${op} ${recordId} at ${seq}`
    this.changes++
    if (this.seq === undefined) this.faults.push(`${at} came before a snapshot`)
    // those of one frame may belong to one moment; one of an earlier frame can't be told apart by a `since`
    else if (seq < this.seq || seq === before) this.faults.push(`${at} came after ${this.seq}`)
    this.seq = seq
    const isThere = this.records.has(recordId)
    if (op === "removed") {
      if (record !== undefined) this.faults.push(`${at} has a record`)
      if (!isThere) this.faults.push(`${at} was not there`)
      this.records.delete(recordId)
      return
    }
    if (op === "added" && isThere) this.faults.push(`${at} was there`)
    if (op === "modified" && !isThere) this.faults.push(`${at} was not there`)
    if (record?.id !== recordId)
      this.faults.push(`${at} has the record ${JSON.stringify(record)} ${JSON.stringify(rest)}`)
    this.records.set(recordId, record)
  }
}

export function sortById(records: readonly Message[]): Message[] {
  return [...records].sort((one, other) => (one.id < other.id ? -1 : 1))
}
