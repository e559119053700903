/** `ctx.records(caller)`: the same path as HTTP, for the application's own code. */

import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import type { CollectionDefinition } from "../access/collection.ts"
import { FilterError, parseFilter } from "../access/filter.ts"
import type { Filter, Relations } from "../access/filter-types.ts"
import type { Collection } from "../access/model.ts"
import { callerScope } from "../access/visibility.ts"
import { invalidQuery } from "../core/problem.ts"
import type { AggregateRow } from "../query/aggregate.ts"
import type { CreateInput, UpdateInput, WireRecordOf } from "../schema/wire-types.ts"
import type { RecordsContext } from "./context.ts"
import { createOperation } from "./create.ts"
import type { Operation, Precondition } from "./operation.ts"
import { aggregateRecords, getRecord, listRecords, type Page } from "./read.ts"
import { removeOperation } from "./remove.ts"
import { replaceOperation } from "./replace.ts"
import { runOperation } from "./run.ts"
import { updateOperation } from "./update.ts"

export const STANDARD_LIMIT = 20
/** Records of one page over HTTP; the application's own code may ask for more. */
export const MOST_PAGE_RECORDS = 100
const MOST_SERVER_RECORDS = 1_000

export interface ListOptions<T extends SQLiteTable, R> {
  filter?: Filter<T, R>
  sort?: string
  /** 1 to 1,000, 20 unless told. */
  limit?: number
  after?: string
  before?: string
  fields?: readonly string[]
  expand?: readonly string[]
  q?: string
  total?: boolean
}

/** A write that runs when it is awaited, or as a part of `atomic([...])` when it is handed over. */
export class RecordOperation<V> implements PromiseLike<V> {
  readonly operation: Operation
  readonly #run: () => Promise<V>

  constructor(operation: Operation, run: () => Promise<V>) {
    this.operation = operation
    this.#run = run
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting an operation is what runs it
  then<A = V, B = never>(
    fulfilled?: ((value: V) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#run().then(fulfilled, rejected)
  }
}

/** Reads and writes of one collection. Refusals are `SelvedgeError`s with the codes that HTTP would answer. */
export interface CollectionRecords<T extends SQLiteTable, R> {
  list(options?: ListOptions<T, R>): Promise<Omit<Page, "data"> & { data: WireRecordOf<T>[] }>
  get(id: string, options?: { fields?: readonly string[]; expand?: readonly string[] }): Promise<WireRecordOf<T>>
  aggregate(options: {
    filter?: Filter<T, R>
    aggregate: readonly string[]
    group?: readonly string[]
    limit?: number
  }): Promise<AggregateRow[]>
  create(input: CreateInput<T>): RecordOperation<WireRecordOf<T>>
  update(id: string, patch: UpdateInput<T>, precondition?: Precondition): RecordOperation<WireRecordOf<T>>
  replace(id: string, input: CreateInput<T>, precondition?: Precondition): RecordOperation<WireRecordOf<T>>
  delete(id: string, precondition?: Precondition): RecordOperation<void>
}

export type RecordsOf<C extends Readonly<Record<string, CollectionDefinition>>> = {
  readonly [K in keyof C]: C[K] extends CollectionDefinition<infer T, infer R extends Relations>
    ? CollectionRecords<T, R>
    : never
}

/** @param guardWrite Called before a write that is awaited by itself; throws where only `atomic` may write. */
export function createRecords(context: RecordsContext, guardWrite: () => void): Record<string, unknown> {
  const records: Record<string, unknown> = {}
  for (const collection of context.collections.values()) {
    records[collection.name] = collectionRecords(context, collection, guardWrite)
  }
  return records
}

function collectionRecords(
  context: RecordsContext,
  collection: Collection,
  guardWrite: () => void,
): CollectionRecords<SQLiteTable, Relations> {
  const filterOf = (input: unknown) => {
    try {
      return parseFilter(input ?? {}, callerScope(collection, context.caller))
    } catch (error) {
      throw error instanceof FilterError ? invalidQuery("filter", error.message) : error
    }
  }
  const write = <V>(operation: Operation) =>
    new RecordOperation(operation, async () => {
      guardWrite()
      return (await runOperation(context, operation)).result.record as V
    })
  return {
    list: async ({ filter, limit = STANDARD_LIMIT, ...options } = {}) => {
      if (!Number.isInteger(limit) || limit < 1 || limit > MOST_SERVER_RECORDS)
        throw invalidQuery("limit", `must be 1 to ${MOST_SERVER_RECORDS}`)
      const { value } = await listRecords(context, collection, {
        ...options,
        limit,
        filter: filterOf(filter),
        filterText: JSON.stringify(filter ?? {}),
      })
      return value
    },
    get: async (id, selection = {}) => (await getRecord(context, collection, id, selection)).value.record as never,
    aggregate: async ({ filter, group = [], limit = MOST_PAGE_RECORDS, aggregate }) =>
      (await aggregateRecords(context, collection, { filter: filterOf(filter), aggregate, group, limit })).value.data,
    create: (input) => write(createOperation(context, collection, input)),
    update: (id, patch, precondition = {}) => write(updateOperation(context, collection, id, patch, precondition)),
    replace: (id, input, precondition = {}) => write(replaceOperation(context, collection, id, input, precondition)),
    delete: (id, precondition = {}) => write(removeOperation(context, collection, id, precondition)),
  }
}
