/** What the server has told of one list: its records up to a horizon, behind which there are others. */

import type { ClientRecord, Written } from "../outbox.ts"
import type { QueryObject } from "../query-string.ts"
import type { ListChange, Snapshot } from "./contract.ts"
import { matches } from "./match.ts"
import { Order } from "./order.ts"
import type { OpenList } from "./shown.ts"

/** Own writes that a snapshot may be too old for. */
const MOST_RECENT = 100

/** @param size How many records are kept at least. */
export function createWindow({ query, filter }: Pick<OpenList, "query" | "filter">, size: number) {
  const records = new Map<string, ClientRecord>()
  let order = new Order(String(query.sort ?? "id"), [])
  let horizon: ClientRecord | undefined
  /** The newest bookmark of what has come: own writes up to it are in it. */
  let seen = ""
  let recent: readonly Written[] = []
  /** By id, the last own write that was taken in: what is older, by its place in the history and its version, isn't. */
  const own = new Map<string, { readonly bookmark: string; readonly version: number }>()
  const completed = new WeakMap<ClientRecord, ClientRecord>()

  function isKnown(record: ClientRecord): boolean {
    return !horizon || order.compare(record, horizon) <= 0
  }

  /** An own write was answered: it is taken in until its change comes, unless that has come already. */
  function write(written: Written): void {
    const { write, record, bookmark } = written
    const known = records.get(write.id)
    const isNews = bookmark > seen
    recent = recent.filter((other) => other !== written && other.bookmark > seen)
    if (isNews) recent = [...recent, written].slice(-MOST_RECENT)
    const version = record ? versionOf(record) : Number.POSITIVE_INFINITY
    const isSeen = record?.updatedAt !== undefined
    // without a bookmark, the versions are all there is to go by
    if (!isNews && (bookmark || !isSeen || !known || version <= versionOf(known))) return
    own.set(write.id, { bookmark, version })
    const full = { ...known, ...record, id: write.id }
    const verdict = isSeen && matches(filter, full)
    if (verdict === false) records.delete(write.id)
    else if (verdict || known) put(known ? full : fill(full))
  }

  function fill(record: ClientRecord): ClientRecord {
    const [other] = records.values()
    const names = [...relationsOf(query), ...Object.keys(other ?? {})]
    const blank = Object.fromEntries(names.map((name) => [name, Array.isArray(other?.[name]) ? [] : null]))
    return { ...blank, ...record }
  }

  function put(record: ClientRecord): void {
    order.see(record)
    if (isKnown(record)) records.set(record.id, same(records.get(record.id), record))
    else records.delete(record.id)
    if (records.size > 2 * size) cut()
  }

  /** Far behind what is shown nothing is kept. */
  function cut(): void {
    const sorted = [...records.values()].sort(order.compare)
    for (const { id } of sorted.slice(size)) records.delete(id)
    horizon = sorted[size - 1]
  }

  return {
    records: records as ReadonlyMap<string, ClientRecord>,
    get order(): Order {
      return order
    },
    /** The last record that is known without a gap; undefined where all are. */
    get horizon(): ClientRecord | undefined {
      return horizon
    },
    isKnown,
    write,

    takeSnapshot({ data, page, sort, bookmark = "" }: Snapshot): void {
      const before = new Map(records)
      records.clear()
      own.clear()
      for (const record of data) records.set(record.id, same(before.get(record.id), record))
      order = new Order(sort, data)
      horizon = page.next === null ? undefined : data.at(-1)
      seen = bookmark
      for (const written of recent) write(written)
    },

    takeChange({ op, recordId, record, bookmark = "" }: ListChange): void {
      if (bookmark > seen) seen = bookmark
      const last = own.get(recordId)
      if (last && bookmark < last.bookmark && record && versionOf(record) < last.version) return
      own.delete(recordId)
      if (op === "removed") records.delete(recordId)
      else put(record!)
    },

    /** What was made here gets the fields that others have. */
    complete(record: ClientRecord): ClientRecord {
      if (record.version !== 0) return record
      const full = completed.get(record) ?? fill(record)
      completed.set(record, full)
      return full
    },
  }
}

/** Names of the relations that the records have expanded. */
function relationsOf({ expand = [], fields = [] }: QueryObject): readonly string[] {
  const paths = [...names(expand), ...names(fields).filter((name) => name.includes("."))]
  return paths.map((path) => path.split(".")[0]!)
}

function names(value: unknown): readonly string[] {
  return Array.isArray(value) ? value : String(value).split(",").filter(Boolean)
}

function versionOf(record: ClientRecord | undefined): number {
  return Number(record?.version ?? 0)
}

/** The record that is known already, if nothing in it has changed. */
function same(known: ClientRecord | undefined, record: ClientRecord): ClientRecord {
  return known && JSON.stringify(known) === JSON.stringify(record) ? known : record
}
