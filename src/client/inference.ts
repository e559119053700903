/** What a client knows of a backend from its type alone: records, queries, inputs, channels and own routes. */

import type { InferInsertModel, InferSelectModel } from "drizzle-orm"
import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import type { CollectionDefinition, CollectionTraits } from "../access/collection.ts"
import type { Filter } from "../access/filter-types.ts"
import type { ChannelHandle } from "../core/publish.ts"
import type { Relation } from "../schema/relations.ts"
import type { WireRecordOf, WireValue } from "../schema/wire-types.ts"

export type Definitions = Readonly<Record<string, CollectionDefinition>>

/** A backend as far as clients are concerned; `typeof backend` is one. */
export interface AnyBackend {
  readonly definitions: Definitions
  readonly client?: { readonly channels: unknown; readonly routes: unknown }
}

/** Of a client without types: any collection, any field. */
export interface UntypedRecord {
  readonly id: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly version: number
  // biome-ignore lint/suspicious/noExplicitAny: nothing is known of it
  readonly [field: string]: any
}

type TableOf<D> = D extends CollectionDefinition<infer T> ? T : never
type RelationsOf<D> = D extends CollectionDefinition<SQLiteTable, infer R> ? R : never
type TraitsOf<D> = D extends { readonly traits?: infer X } ? Extract<X, CollectionTraits> : CollectionTraits

/** A collection's record without its relations. */
export type RecordOf<D> = WireRecordOf<TableOf<D>>

/** The collection that exposes a table, through which its own relations are reached. */
type CollectionOf<C, T extends SQLiteTable> = {
  [K in keyof C]: TableOf<C[K]>["_"]["name"] extends T["_"]["name"] ? C[K] : never
}[keyof C]

type Name<R> = keyof R & string
type Depth = readonly unknown[]

/** `director`, `reviews.author`: relations of relations, three deep. */
export type ExpandPath<C, D, N extends Depth = [1, 1]> = {
  [K in Name<RelationsOf<D>>]:
    | K
    | (N extends readonly [unknown, ...infer M] ? `${K}.${ExpandPath<C, TargetOf<C, D, K>, M>}` : never)
}[Name<RelationsOf<D>>]

/** `title`, `director.name`. */
export type FieldPath<D> =
  | (keyof RecordOf<D> & string)
  | { [K in Name<RelationsOf<D>>]: `${K}.${RelatedField<RelationsOf<D>[K]>}` }[Name<RelationsOf<D>>]

type TargetOf<C, D, K> = K extends keyof RelationsOf<D>
  ? RelationsOf<D>[K] extends Relation<infer T>
    ? CollectionOf<C, T>
    : never
  : never

type RelatedField<R> = R extends Relation<infer T, boolean, infer F> ? F & keyof InferSelectModel<T> & string : never
type RelatedRecord<R> =
  R extends Relation<infer T, boolean, infer F> ? Pick<WireRecordOf<T>, F & keyof WireRecordOf<T>> : never
type Counted<R, V> = R extends Relation<SQLiteTable, infer Many> ? (Many extends true ? V[] : V | null) : never

type Head<P extends string> = P extends `${infer H}.${string}` ? H : P
type Tail<P extends string, H extends string> = P extends `${H}.${infer Rest}` ? Rest : never

/** The relations that `expand` names, each with those that it names below it. */
type Expanded<C, D, E extends string> = {
  [K in Head<E> & keyof RelationsOf<D> & string]: Counted<
    RelationsOf<D>[K],
    RelatedRecord<RelationsOf<D>[K]> & Expanded<C, TargetOf<C, D, K>, Tail<E, K>>
  >
}

type Selected<D, F extends string> = Pick<RecordOf<D>, F & keyof RecordOf<D>> & {
  [K in Head<Extract<F, `${string}.${string}`>> & keyof RelationsOf<D> & string]: Counted<
    RelationsOf<D>[K],
    Pick<RelatedRecord<RelationsOf<D>[K]>, Tail<F, K> & keyof RelatedRecord<RelationsOf<D>[K]>>
  >
}

type Simplify<T> = { [K in keyof T]: T[K] } & {}

/** What a query gives, by its `fields` and `expand`. */
export type Answered<C, D, Q> = Q extends { readonly fields: readonly (infer F extends string)[] }
  ? Simplify<Selected<D, F>>
  : Q extends { readonly expand: readonly (infer E extends string)[] }
    ? Simplify<RecordOf<D> & Expanded<C, D, E>>
    : RecordOf<D>

type Reversed<S extends string> = S extends `-${infer Rest}` ? Rest : `-${S}`
type FirstKey<S extends string> = S extends `${infer K},${string}` ? K : S
type EachReversed<S extends string> = S extends `${infer K},${infer Rest}`
  ? `${Reversed<K>},${EachReversed<Rest>}`
  : Reversed<S>
/** A declared order, how it begins, or either turned round. */
export type SortOf<D> = TraitsOf<D>["sort"] extends infer S extends string
  ? S | FirstKey<S> | Reversed<FirstKey<S>> | EachReversed<S>
  : never

export type FilterOf<D> = Filter<TableOf<D>, RelationsOf<D>>

/** Names of parameters; columns of these names are filtered by `filter`. */
type Parameter = "filter" | "sort" | "limit" | "fields" | "expand" | "q" | "count" | "after" | "before"

type SimpleFilter<D> = Omit<Filter<TableOf<D>, never>, Parameter | "and" | "or" | "not">

export interface Selection<C, D> {
  /** Exactly these; `director.name` is of a relation. */
  readonly fields?: readonly FieldPath<D>[]
  /** Relations to show, each under its own access rule. */
  readonly expand?: readonly ExpandPath<C, D>[]
}

/** What a live query asks for: conditions on columns, joined by AND, beside parameters. */
export type LiveQuery<C, D> = SimpleFilter<D> &
  Selection<C, D> & {
    /** The whole filter language, relations included. */
    readonly filter?: FilterOf<D>
    readonly sort?: SortOf<D>
    /** 1 to 100, 20 unless told; live 1 to 1,000, 100 unless told. */
    readonly limit?: number
  }

export type ListQuery<C, D> = LiveQuery<C, D> & {
  /** Full-text search; the last word may be a beginning. */
  readonly q?: string
  /** Adds `page.total`. */
  readonly count?: "exact"
  readonly after?: string
  readonly before?: string
}

type Aggregated<D> = "count" | `${"sum" | "avg" | "min" | "max"}(${keyof RecordOf<D> & string})`

export type AggregateQuery<D> = SimpleFilter<D> & {
  readonly filter?: FilterOf<D>
  readonly q?: string
  readonly aggregate: readonly Aggregated<D>[]
  readonly group?: readonly (keyof RecordOf<D> & string)[]
  /** Groups, up to 1,000; 100 unless told. */
  readonly limit?: number
}

/** One group; without `group` the only one. */
export interface AggregateRow<D> {
  readonly group?: { readonly [K in keyof RecordOf<D>]?: RecordOf<D>[K] }
  readonly count?: number
  readonly sum?: { readonly [K in keyof RecordOf<D>]?: number | null }
  readonly avg?: { readonly [K in keyof RecordOf<D>]?: number | null }
  readonly min?: { readonly [K in keyof RecordOf<D>]?: RecordOf<D>[K] | null }
  readonly max?: { readonly [K in keyof RecordOf<D>]?: RecordOf<D>[K] | null }
}

type ServerSet = "createdAt" | "updatedAt" | "version"
type Insert<D> = Omit<InferInsertModel<TableOf<D>>, ServerSet | TraitsOf<D>["stamped"]>

/** What a create takes. Times, big numbers and bytes are text. */
export type CreateOf<D> = Simplify<{
  [K in keyof Insert<D>]: WireValue<Insert<D>[K]>
}>
export type UpdateOf<D> = Partial<Omit<CreateOf<D>, "id">>

export type IsLive<D> = TraitsOf<D>["live"]

// Channels

export type ChannelsOf<B extends AnyBackend> = NonNullable<B["client"]>["channels"]

type Handles<H> = Extract<H[keyof H], ChannelHandle>
/** `room:{id}` as the names that it matches. */
type NameOf<T extends string> = T extends `${infer A}{${string}}${infer B}` ? `${A}${string}${NameOf<B>}` : T
/** Names of the declared channels. */
export type ChannelName<H> = Handles<H> extends never ? string : NameOf<Handles<H>["pattern"]>
type HandleOf<H, N extends string> =
  Handles<H> extends infer D ? (D extends ChannelHandle ? (N extends NameOf<D["pattern"]> ? D : never) : never) : never
/** The data of each event of the channel that has the name. */
export type EventsOf<H, N extends string> = [HandleOf<H, N>] extends [never]
  ? Readonly<Record<string, unknown>>
  : HandleOf<H, N> extends ChannelHandle<infer _, infer E>
    ? E
    : never
