/** A write of one record: the queries it adds to a batch, and what their rows mean. */

import type { FilterNode } from "../access/filter.ts"
import type { Collection } from "../access/model.ts"
import { accessFilter, visibleColumns } from "../access/visibility.ts"
import type { Caller } from "../core/caller.ts"
import { guard } from "../db/guard.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { Bindings } from "../query/bindings.ts"
import { filterSql } from "../query/filter-sql.ts"
import { decodeRecord, type Projection, projectionSql, type WireRecord } from "../query/projection.ts"
import { type Column, quote } from "../schema/columns.ts"
import type { Recorder } from "./idempotency.ts"
import type { Field } from "./input.ts"

export interface WriteResult {
  readonly status: 200 | 201 | 204
  readonly id: string
  readonly version: number
  /** `{ id, version }` when the caller may not read the record as it is now; undefined after a delete. */
  readonly record: WireRecord | undefined
}

export interface Operation {
  readonly collection: Collection
  readonly action: "create" | "update" | "delete"
  /** @param index Which operation of the batch this is; a guard that fires says it. */
  queries(index: number, recorder: Recorder | undefined): Query[]
  /** @param rows The rows of each of the queries, in their order. */
  result(rows: readonly ResultRow[][]): WriteResult
  /** Called once the batch that held it is committed. */
  committed(result: WriteResult): void
  /** @param entry What the recorder kept of an earlier run. */
  replay(entry: readonly unknown[]): WriteResult
}

/** `If-Match` and `If-None-Match`, as far as writes take them. */
export interface Precondition {
  /** Versions that the record may have; `*` for any. */
  readonly ifMatch?: "*" | readonly number[] | undefined
  readonly ifNoneMatch?: "*" | undefined
}

/** Builds the parts that the writes of one collection share. Each method starts or continues one statement. */
export class WriteTarget {
  readonly collection: Collection
  readonly caller: Caller
  readonly projection: Projection
  /** The table's quoted name; statements that write use no alias. */
  readonly table: string
  readonly read: FilterNode

  constructor(collection: Collection, caller: Caller) {
    this.collection = collection
    this.caller = caller
    this.projection = { columns: visibleColumns(collection, caller), relations: [] }
    this.table = quote(collection.table.name)
    this.read = accessFilter(collection, "read", caller)
  }

  column(key: string): Column {
    return this.collection.table.byKey.get(key)!
  }

  name(key: string): string {
    return quote(this.column(key).name)
  }

  allowed(filter: FilterNode, bindings: Bindings): string {
    return filterSql(filter, this.table, bindings)
  }

  versionFits({ ifMatch }: Precondition, bindings: Bindings): string {
    if (!ifMatch || ifMatch === "*") return "1"
    return `${this.name("version")} IN (SELECT value FROM json_each(${bindings.add(JSON.stringify(ifMatch))}))`
  }

  /** The condition of a write: the record of this id, in a version that fits, readable and allowed by the rule. */
  writableRow(id: string, precondition: Precondition, rule: FilterNode, bindings: Bindings): string {
    const parts = [
      `${this.name("id")} = ${bindings.add(id)}`,
      this.versionFits(precondition, bindings),
      this.allowed(this.read, bindings),
      this.allowed(rule, bindings),
    ]
    return parts.filter((part) => part !== "1").join(" AND ")
  }

  /** `[id, version, record]`; the record is null when the caller may not read it. */
  answer(bindings: Bindings): string {
    return `json_array(${this.name("id")}, ${this.name("version")}, iif(${this.allowed(this.read, bindings)}, ${projectionSql(this.projection, this.table, bindings)}, NULL))`
  }

  /** Aborts with `reference_not_found` when a foreign key that is written names a record the caller can't read. */
  referenceGuards(fields: readonly Field[], id: string, index: number): Query[] {
    const checked = this.collection.references.flatMap((reference) => {
      const field = fields.find((candidate) => candidate.column === reference.column)
      if (!field || field.stored === null || this.collection.stamps.has(field.column.key)) return []
      return [{ reference, stored: field.stored }]
    })
    return checked.map(({ reference, stored }) => {
      const bindings = new Bindings()
      const target = quote(reference.target.name)
      const value = bindings.addFor(reference.column, stored)
      const readable = reference.collection
        ? filterSql(accessFilter(reference.collection, "read", this.caller), target, bindings)
        : "1"
      const itself = reference.target === this.collection.table && stored === id ? "0" : "1"
      return guard(
        `SELECT ${bindings.add(`reference_not_found:${index}:${reference.column.key}`)} WHERE ${itself} AND NOT EXISTS (SELECT 1 FROM ${target} WHERE ${target}.${quote(reference.targetName)} = ${value} AND ${readable})`,
        bindings.values,
      )
    })
  }

  /** What the statement that wrote the record returned; only an INSERT marks its row as created. */
  result(rows: readonly ResultRow[][]): WriteResult {
    const { answer, created } = rows.flat().find((row) => "answer" in row)!
    const [id, version, values] = JSON.parse(answer as string) as [string, number, unknown[] | null]
    const record = values ? decodeRecord(this.projection, values) : { id, version }
    return { status: created === 1 ? 201 : 200, id, version, record }
  }

  /** @param entry `[status, answer, keys]`: the keys say which columns the stored record held. */
  decodeEntry(entry: readonly unknown[]): WriteResult {
    const [status, answer, keys] = entry as [200 | 201, unknown[], string]
    const columns = keys.split(",").map((key) => this.collection.table.byKey.get(key))
    const [id, version, values] = answer as [string, number, unknown[] | null]
    if (!values) return { status, id, version, record: { id, version } }
    const known = columns.flatMap((column, i) => (column ? [[column, i] as const] : []))
    const flat = values.length < columns.length ? (values as unknown[][]).flat(1) : values
    const record = decodeRecord(
      { columns: known.map(([column]) => column), relations: [] },
      known.map(([, i]) => flat[i]),
    )
    return { status, id, version, record }
  }

  get keys(): string {
    return this.projection.columns.map((column) => column.key).join(",")
  }
}
