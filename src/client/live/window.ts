/** What the server has told of one list: its records up to a horizon, behind which there are others. */

import type { ClientRecord, Written } from "../outbox.ts"
import type { QueryObject } from "../query-string.ts"
import type { ListChange, Snapshot } from "./contract.ts"
import { matches } from "./match.ts"
import { Order } from "./order.ts"

/** Own writes that a snapshot may be too old for. */
const MOST_RECENT = 100

export class Window {
  readonly records = new Map<string, ClientRecord>()
  order = new Order("id", [])
  /** The last record that is known without a gap; undefined where all are. */
  horizon: ClientRecord | undefined
  readonly #filter: QueryObject
  readonly #relations: readonly string[]
  readonly #size: number
  /** The newest bookmark of what has come: own writes up to it are in it. */
  #seen = ""
  #recent: Written[] = []
  /** By id, own writes have taken it out: older versions than this are passed over. */
  readonly #gone = new Map<string, number>()
  readonly #complete = new WeakMap<ClientRecord, ClientRecord>()

  /**
   * @param relations Those that the records have expanded.
   * @param size How many records are kept at least.
   */
  constructor(filter: QueryObject, relations: readonly string[], size: number) {
    this.#filter = filter
    this.#relations = relations
    this.#size = size
  }

  takeSnapshot({ data, page, sort, bookmark = "" }: Snapshot): void {
    const before = new Map(this.records)
    this.records.clear()
    this.#gone.clear()
    for (const record of data) this.records.set(record.id, same(before.get(record.id), record))
    this.order = new Order(sort, data)
    this.horizon = page.next === null ? undefined : data.at(-1)
    this.#seen = bookmark
    for (const written of this.#recent) this.write(written)
  }

  takeChange({ op, recordId, record, bookmark = "" }: ListChange): void {
    if (bookmark > this.#seen) this.#seen = bookmark
    if (op === "removed") {
      this.#gone.delete(recordId)
      this.records.delete(recordId)
      return
    }
    const newest = this.#gone.get(recordId) ?? versionOf(this.records.get(recordId))
    if (versionOf(record) < newest) return
    this.#gone.delete(recordId)
    this.#put(record!)
  }

  /** An own write was answered: it is taken in until its change comes, unless that has come already. */
  write(written: Written): void {
    const { write, record, bookmark } = written
    const known = this.records.get(write.id)
    const isNews = bookmark > this.#seen
    this.#recent = this.#recent.filter((other) => other !== written && other.bookmark > this.#seen)
    if (isNews) this.#recent = [...this.#recent, written].slice(-MOST_RECENT)
    if (record?.updatedAt === undefined) {
      if (known && isNews) this.#takeOut(write.id, record ? versionOf(record) : Number.POSITIVE_INFINITY)
      return
    }
    if (known ? versionOf(record) <= versionOf(known) : !isNews) return
    const full = { ...known, ...record }
    const verdict = matches(this.#filter, full)
    if (verdict === false) this.#takeOut(write.id, versionOf(record))
    else if (verdict || known) this.#put(known ? full : this.#fill(full))
  }

  /** What was made here gets the fields that others have. */
  complete(record: ClientRecord): ClientRecord {
    if (record.version !== 0) return record
    const full = this.#complete.get(record) ?? this.#fill(record)
    this.#complete.set(record, full)
    return full
  }

  isKnown(record: ClientRecord): boolean {
    return !this.horizon || this.order.compare(record, this.horizon) <= 0
  }

  #fill(record: ClientRecord): ClientRecord {
    const [other] = this.records.values()
    const names = [...this.#relations, ...Object.keys(other ?? {})]
    const blank = Object.fromEntries(names.map((name) => [name, Array.isArray(other?.[name]) ? [] : null]))
    return { ...blank, ...record }
  }

  #takeOut(id: string, version: number): void {
    this.records.delete(id)
    this.#gone.set(id, version)
  }

  #put(record: ClientRecord): void {
    this.order.see(record)
    if (this.isKnown(record)) this.records.set(record.id, same(this.records.get(record.id), record))
    else this.records.delete(record.id)
    if (this.records.size > 2 * this.#size) this.#cut()
  }

  /** Far behind what is shown nothing is kept. */
  #cut(): void {
    const sorted = [...this.records.values()].sort(this.order.compare)
    for (const { id } of sorted.slice(this.#size)) this.records.delete(id)
    this.horizon = sorted[this.#size - 1]
  }
}

function versionOf(record: ClientRecord | undefined): number {
  return typeof record?.version === "number" ? record.version : 0
}

/** The record that is known already, if nothing in it has changed. */
function same(known: ClientRecord | undefined, record: ClientRecord): ClientRecord {
  return known && JSON.stringify(known) === JSON.stringify(record) ? known : record
}
