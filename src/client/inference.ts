/** What a client knows of a backend from its type alone: its records, what they are made of, and its channels. */

import type { InferSelectModel } from "drizzle-orm"
import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import type { CollectionDefinition } from "../access/collection.ts"
import type { ChannelHandle } from "../core/publish.ts"
import type { Relation } from "../schema/relations.ts"
import type { WireRecordOf, WireValue } from "../schema/wire-types.ts"

/** A backend as far as clients are concerned; `typeof backend` is one. */
export interface AnyBackend {
  readonly definitions: Readonly<Record<string, CollectionDefinition>>
  readonly client?: { readonly channels: unknown; readonly routes: unknown }
}

/** Stands for the definition of a collection of which nothing is known. */
export interface Untyped {
  readonly untyped: true
}

/** Of a client without types: any field. */
export interface UntypedRecord {
  readonly id: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly version: number
  // biome-ignore lint/suspicious/noExplicitAny: nothing is known of it
  readonly [field: string]: any
}

/** Shows a type as the fields that it has. */
export type Simplify<T> = { [K in keyof T]: T[K] } & {}

export type TableOf<D> = D extends { readonly table: infer T extends SQLiteTable } ? T : never

/** Of a collection that there is none of: none. */
export type RelationsOf<D> = [D] extends [never]
  ? Record<never, never>
  : D extends { readonly relations: infer R }
    ? R
    : Record<never, never>

export type TraitOf<D, N extends string> = D extends { readonly traits?: infer X }
  ? N extends keyof NonNullable<X>
    ? NonNullable<X>[N] & string
    : never
  : never

// Records

/** A collection's record without its relations, and without what nobody may read. */
export type RecordOf<D> = D extends Untyped
  ? UntypedRecord
  : Simplify<Omit<WireRecordOf<TableOf<D>>, TraitOf<D, "hidden">>>

/** The values of a record as the server has them: times and big numbers as such. */
export type RowOf<D> = Omit<InferSelectModel<TableOf<D>>, TraitOf<D, "hidden">>

/** The collection that exposes a table; never where none does. */
type CollectionOf<C, T extends SQLiteTable> = {
  [K in keyof C]: TableOf<C[K]>["_"]["name"] extends T["_"]["name"] ? C[K] : never
}[keyof C]

/** The collection whose relations a relation leads on to: none where it declares its fields. */
export type TargetOf<C, R> =
  R extends Relation<infer T, boolean, infer F>
    ? [keyof InferSelectModel<T> & string] extends [F]
      ? CollectionOf<C, T>
      : never
    : never

/** What is seen of a record through a relation. */
export type RelatedRecord<C, R> =
  R extends Relation<infer T, boolean, infer F> ? Simplify<Pick<Seen<C, T>, F & keyof Seen<C, T>>> : never

type Seen<C, T extends SQLiteTable> = [CollectionOf<C, T>] extends [never]
  ? WireRecordOf<T>
  : RecordOf<CollectionOf<C, T>>

export type RelatedRow<C, R> =
  R extends Relation<infer T> ? Pick<InferSelectModel<T>, keyof RelatedRecord<C, R> & keyof InferSelectModel<T>> : never

/** One record or none, or many. */
export type Counted<R, V> = R extends { readonly many: infer Many } ? (Many extends true ? V[] : V | null) : never

// Inputs

type ServerSet = "createdAt" | "updatedAt" | "version"
type Insert<D> = Omit<TableOf<D>["$inferInsert"], ServerSet | TraitOf<D, "stamped" | "fixed">>

type AnyInput = Readonly<Record<string, unknown>>

/** What a create takes. Times, big numbers and bytes are text. */
export type CreateOf<D> = D extends Untyped ? AnyInput : Simplify<{ [K in keyof Insert<D>]: WireValue<Insert<D>[K]> }>

/** What an update changes: any of the fields that may change at all. */
export type UpdateOf<D> = D extends Untyped
  ? AnyInput
  : Simplify<Partial<Omit<CreateOf<D>, "id" | TraitOf<D, "immutable">>>>

// Channels

export type ChannelsOf<B extends AnyBackend> = NonNullable<B["client"]>["channels"]

type Handles<H> = Extract<H[keyof H], ChannelHandle>
/** `room:{id}` as the names that it matches. */
type NameOf<T extends string> = T extends `${infer A}{${string}}${infer B}` ? `${A}${string}${NameOf<B>}` : T
/** Names of the declared channels. */
export type ChannelName<H> = [Handles<H>] extends [never] ? string : NameOf<Handles<H>["pattern"]>
type HandleOf<H, N extends string> =
  Handles<H> extends infer D ? (D extends ChannelHandle ? (N extends NameOf<D["pattern"]> ? D : never) : never) : never
/** The data of each event of the channel that has the name. */
export type EventsOf<H, N extends string> = [HandleOf<H, N>] extends [never]
  ? Readonly<Record<string, unknown>>
  : HandleOf<H, N> extends ChannelHandle<infer _, infer E>
    ? E
    : never
