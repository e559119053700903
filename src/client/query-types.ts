/** Queries as TypeScript checks them, and the records that they give. */

import type { Condition } from "../access/filter-types.ts"
import type {
  Counted,
  RecordOf,
  RelatedRecord,
  RelatedRow,
  RelationsOf,
  RowOf,
  Simplify,
  TargetOf,
  TraitOf,
  Untyped,
} from "./inference.ts"

type Name<R> = keyof R & string
type Levels = readonly unknown[]
type Below<N extends Levels> = N extends readonly [unknown, ...infer M] ? M : []

// What is shown

/** `director`, `reviews.author`: relations, and theirs. */
export type ExpandPath<C, D> = D extends Untyped ? string : RelationPath<C, RelationsOf<D>, [1]>

type RelationPath<C, R, N extends Levels> = {
  [K in Name<R>]: N["length"] extends 0 ? K : K | `${K}.${RelationPath<C, RelationsOf<TargetOf<C, R[K]>>, Below<N>>}`
}[Name<R>]

/** `title`, `director.name`, `reviews.author.name`. */
export type FieldPath<C, D> = D extends Untyped ? string : Path<C, RecordOf<D>, RelationsOf<D>, [1, 1]>

type Path<C, V, R, N extends Levels> =
  | Name<V>
  | (N["length"] extends 0
      ? never
      : {
          [K in Name<R>]: K | `${K}.${Path<C, RelatedRecord<C, R[K]>, RelationsOf<TargetOf<C, R[K]>>, Below<N>>}`
        }[Name<R>])

/** What a query gives that names these `fields` (never: all) and these relations in `expand`. */
export type Answered<C, D, F extends string = never, E extends string = never> = D extends Untyped
  ? RecordOf<D>
  : [F | E] extends [never]
    ? RecordOf<D>
    : Shown<C, RecordOf<D>, RelationsOf<D>, F, E>

type Shown<C, V, R, F extends string, E extends string> = {
  [K in ([F] extends [never] ? keyof V : F & keyof V) | (Head<F | E> & Name<R>)]: K extends keyof V
    ? V[K]
    : K extends Name<R>
      ? Counted<R[K], Shown<C, RelatedRecord<C, R[K]>, RelationsOf<TargetOf<C, R[K]>>, Tail<F, K>, Tail<E, K>>>
      : never
} & {}

type Head<P extends string> = P extends `${infer H}.${string}` ? H : P
type Tail<P extends string, H extends string> = P extends `${H}.${infer Rest}` ? Rest : never

// What is asked for

type Conditions<V> = { readonly [K in keyof V]?: Condition<V[K]> }

interface Junctions<W> {
  readonly and?: readonly W[]
  readonly or?: readonly W[]
  readonly not?: W
}

/** The filter language over a collection's records and, through its relations, over related ones. */
export type FilterOf<C, D> = D extends Untyped
  ? Readonly<Record<string, unknown>>
  : Conditions<RowOf<D>> & RelatedFilters<C, RelationsOf<D>> & Junctions<FilterOf<C, D>>

type RelatedFilters<C, R> = {
  readonly [K in keyof R]?: Counted<R[K], 0> extends readonly 0[]
    ? { readonly [Q in "some" | "none" | "every"]?: RelatedFilter<C, R[K]> }
    : RelatedFilter<C, R[K]>
}

type RelatedFilter<C, R> = [TargetOf<C, R>] extends [never]
  ? FieldFilter<RelatedRow<C, R>>
  : FilterOf<C, TargetOf<C, R>>
type FieldFilter<V> = Conditions<V> & Junctions<FieldFilter<V>>

type Beginnings<S extends string> = S extends `${infer K},${infer Rest}` ? K | `${K},${Beginnings<Rest>}` : S
type TurnedRound<S extends string> = S extends `${infer K},${infer Rest}`
  ? `${Turned<K>},${TurnedRound<Rest>}`
  : Turned<S>
type Turned<K extends string> = K extends `-${infer Rest}` ? Rest : `-${K}`

/** A declared order, how it begins, or either turned round. */
export type SortOf<D> = D extends Untyped
  ? string
  : Beginnings<TraitOf<D, "sort">> | TurnedRound<Beginnings<TraitOf<D, "sort">>>

/** Names of parameters; columns of these names are filtered by `filter`. */
type Parameter = "filter" | "sort" | "limit" | "fields" | "expand" | "q" | "count" | "after" | "before"

/** Conditions on columns, joined by AND; undefined is none. */
type SimpleFilter<D> = D extends Untyped ? Readonly<Record<string, unknown>> : Orless<Omit<RowOf<D>, Parameter>>

type Orless<V> = { readonly [K in keyof V]?: Condition<V[K]> | undefined }

export interface Selection<F extends string, E extends string> {
  /** Exactly these; `director.name` is of a relation. */
  readonly fields?: readonly F[]
  /** Relations to show, each under its own access rule. */
  readonly expand?: readonly E[]
}

interface LiveParameters<C, D, F extends string, E extends string> extends Selection<F, E> {
  /** The whole filter language, relations included. */
  readonly filter?: FilterOf<C, D> | undefined
  readonly sort?: SortOf<D> | undefined
  /** 1 to 100, 20 unless told; live 1 to 1,000, 100 unless told. */
  readonly limit?: number | undefined
}

interface ListParameters {
  /** Full-text search; the last word may be a beginning. */
  readonly q?: string | undefined
  /** Adds `page.total`. */
  readonly count?: "exact" | undefined
  readonly after?: string | undefined
  readonly before?: string | undefined
}

/** What a live query asks for: conditions on columns, joined by AND, beside parameters. */
export type LiveQuery<C, D, F extends string = FieldPath<C, D>, E extends string = ExpandPath<C, D>> = SimpleFilter<D> &
  LiveParameters<C, D, F, E>

export type ListQuery<C, D, F extends string = FieldPath<C, D>, E extends string = ExpandPath<C, D>> = LiveQuery<
  C,
  D,
  F,
  E
> &
  ListParameters

// Aggregates

type Of<V, T> = { [K in keyof V]: [NonNullable<V[K]>] extends [T] ? K : never }[keyof V] & string

/** `group` names these: what has an order. */
export type Grouped<D> = D extends Untyped ? string : Of<RowOf<D>, string | number | boolean | bigint | Date>

/** `count`, `avg(rating)`. */
export type Aggregate<D> = D extends Untyped
  ? string
  : "count" | `${"sum" | "avg"}(${Of<RowOf<D>, number>})` | `${"min" | "max"}(${Grouped<D>})`

export type AggregateQuery<C, D, A extends string, G extends string> = SimpleFilter<D> & {
  readonly filter?: FilterOf<C, D> | undefined
  readonly q?: string | undefined
  readonly aggregate: readonly A[]
  readonly group?: readonly G[]
  /** Groups, up to 1,000; 100 unless told. */
  readonly limit?: number | undefined
}

type FunctionIn<A extends string> = A extends `${infer N}(${string})` ? N : never
type FieldIn<A extends string, N extends string> = A extends `${N}(${infer K})` ? K : never
type Value<V, N> = N extends "sum" ? number : N extends "avg" ? number | null : V | null

/** One group; without `group` the only one. */
export type AggregateRow<D, A extends string, G extends string> = D extends Untyped
  ? // biome-ignore lint/suspicious/noExplicitAny: nothing is known of it
    { readonly group: Readonly<Record<string, any>>; readonly count?: any; readonly [name: string]: any }
  : Simplify<
      { group: Simplify<Pick<RecordOf<D>, G & keyof RecordOf<D>>> } & ("count" extends A
        ? { count: number }
        : unknown) & {
          [N in FunctionIn<A>]: { [K in FieldIn<A, N> & keyof RecordOf<D>]: Value<RecordOf<D>[K], N> }
        }
    >
