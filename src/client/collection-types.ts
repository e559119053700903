/** What a client offers for each collection. */

import type { Operation, Target } from "./collection.ts"
import type { CreateOf, RecordOf, Simplify, Untyped, UpdateOf } from "./inference.ts"
import type { CallOptions, ListRequest } from "./list-request.ts"
import type { LiveState } from "./live-types.ts"
import type {
  Aggregate,
  AggregateQuery,
  AggregateRow,
  Answered,
  ExpandPath,
  FieldPath,
  Grouped,
  ListQuery,
  LiveQuery,
  Selection,
} from "./query-types.ts"
import type { Store } from "./store.ts"

/** The operations that a batch is made of. */
export type BatchCollection<D> = {
  create(input: CreateOf<D>): BatchOperation<RecordOf<D>>
  update(target: Target, patch: UpdateOf<D>): BatchOperation<RecordOf<D>>
  replace(target: Target, input: CreateOf<D>): BatchOperation<RecordOf<D>>
  /** @param target As of `update`. @throws ProblemError `not_found`; `still_referenced` by records that need it */
  delete(target: Target): BatchOperation<undefined>
}

declare const carried: unique symbol

export interface BatchOperation<R> extends Operation {
  /** Carries a type; there is nothing in it. */
  readonly [carried]?: { readonly gives: R }
}

/** What each operation of a batch gives. */
export type BatchResults<O extends readonly BatchOperation<unknown>[]> = {
  -readonly [I in keyof O]: O[I] extends BatchOperation<infer R> ? R : never
}

/** Any collection, for functions that take one: `C` are all definitions of the backend and `D` is its own. */
export interface TypedCollection<C, D> {
  /** Carries the types; there is nothing in it. */
  readonly [carried]?: { readonly all: C; readonly one: D }
}

/** One collection. */
export type CollectionClient<C, D> = TypedCollection<C, D> & {
  /** One page when awaited; all records, page after page, by `for await`. */
  list<const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
    query?: Simplify<ListQuery<C, D, F, E>>,
    options?: CallOptions,
  ): ListRequest<Answered<C, D, F, E>>
  /** One record. @throws ProblemError `not_found`, also for what you may not read. */
  get<const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
    id: string,
    query?: Selection<F, E>,
    options?: CallOptions,
  ): Promise<Answered<C, D, F, E>>
  /** The best matches first; the last word may be a beginning. */
  search<const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
    q: string,
    query?: Simplify<ListQuery<C, D, F, E>>,
    options?: CallOptions,
  ): ListRequest<Answered<C, D, F, E>>
  /** How many records match, exactly. */
  count(query?: Simplify<ListQuery<C, D>>, options?: CallOptions): Promise<number>
  /** Groups, the most frequent first. */
  aggregate<const A extends Aggregate<D>, const G extends Grouped<D> = never>(
    query: Simplify<AggregateQuery<C, D, A, G>>,
    options?: CallOptions,
  ): Promise<readonly AggregateRow<D, A, G>[]>

  /**
   * Writes are shown in live lists at once and sent in their order, one after the other. While there is no network they
   * wait. What is refused is taken back, and the promise rejects. Each goes out under one `Idempotency-Key`, so that
   * however often it is sent it happens once.
   */
  create(input: CreateOf<D>, options?: CallOptions): Promise<RecordOf<D>>
  /**
   * Changes the fields that are named, as a JSON Merge Patch (RFC 7396).
   *
   * @param target A record, which nobody else may have changed meanwhile (`precondition_failed`), or an id.
   */
  update(target: Target, patch: UpdateOf<D>, options?: CallOptions): Promise<RecordOf<D>>
  /** What is left out becomes its default, or null. An id that isn't there is created. */
  replace(target: Target, input: CreateOf<D>, options?: CallOptions): Promise<RecordOf<D>>
  delete(target: Target, options?: CallOptions): Promise<void>

  /**
   * A list as a store, for frameworks: it asks while somebody subscribes, and follows each change. What isn't live is
   * read once.
   */
  watch<const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
    query: Simplify<ListQuery<C, D, F, E>>,
  ): Store<LiveState<Answered<C, D, F, E>>>
}

/** A collection that is declared `live: true`. */
export type LiveCollectionClient<C, D> = CollectionClient<C, D> & {
  /** Calls with the whole list, sorted and limited, at first and after each change. @returns Ends it. */
  live<const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
    query: Simplify<LiveQuery<C, D, F, E>>,
    changed: (records: readonly Answered<C, D, F, E>[], state: LiveState<Answered<C, D, F, E>>) => void,
  ): () => void
}

/** Each collection of the definitions `C`, for a batch. */
export type BatchOf<C> = string extends keyof C
  ? { readonly [name: string]: BatchCollection<Untyped> }
  : { readonly [K in keyof C]: BatchCollection<C[K]> }
/** Each collection of the definitions `C`, but for those whose names `M` are taken. */
export type CollectionsOf<C, M> = string extends keyof C
  ? { readonly [name: string]: LiveCollectionClient<Untyped, Untyped> }
  : { readonly [K in Exclude<keyof C, M>]: OneOf<C, C[K]> }
type OneOf<C, D> = D extends { readonly traits?: { readonly live: true } }
  ? LiveCollectionClient<C, D>
  : CollectionClient<C, D>
