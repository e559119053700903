/** `collection()`: which table is exposed, to whom, and how. */

import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import type * as z from "zod"
import type { Caller } from "../core/caller.ts"
import type { Enqueue, Enqueued } from "../core/job.ts"
import type { CreateInput, UpdateInput } from "../schema/wire-types.ts"
import type { CacheOptions } from "./cache-policy.ts"
import type { Filter, NamesIn, Relations, Row } from "./filter-types.ts"
import type { CollectionLimits } from "./limit-use.ts"
import type { CallerRule } from "./rules.ts"

export type Action = "read" | "create" | "update" | "delete"

/** Answers yes, no, or which rows. `undefined` anywhere in the filter denies. */
export type Rule<T extends SQLiteTable, R = unknown> = (caller: Caller) => boolean | Filter<T, R>

/** An action without a rule is for nobody. */
export type Access<T extends SQLiteTable, R = unknown> = { readonly [A in Action]?: Rule<T, R> }

type Unknown<A, T extends SQLiteTable, R> = {
  [K in keyof A]-?: A[K] extends (caller: Caller) => infer F
    ? Exclude<NamesIn<Exclude<F, boolean>>, keyof Row<T> | keyof R>
    : never
}[keyof A]

/** Turns a rule that names what the table doesn't have into a type error that says the name. */
type Checked<A, T extends SQLiteTable, R> = [Unknown<A, T, R>] extends [never]
  ? unknown
  : { readonly "the table has no such column": Unknown<A, T, R> }

type FieldKey<T extends SQLiteTable> = keyof Row<T> & string

/** `read: nobody` hides a field, `write: nobody` leaves it to the server, `immutable` lets it be written on create only. */
export interface FieldOptions {
  read?: CallerRule
  write?: CallerRule
  immutable?: boolean
}

type Fields<T extends SQLiteTable> = { readonly [K in FieldKey<T>]?: FieldOptions }

/** The names that are written out; none where they are known at run time only. */
type Names<F> = string extends keyof F ? never : keyof F & string

/** A field that is none of the table's is a type error at its name. */
type NoOther<F, K> = { readonly [N in Exclude<Names<F>, K>]: never }

/** Names of the fields that have such options. */
type FieldsWith<F, O> = { [K in Names<F>]: F[K] extends O ? K : never }[Names<F>]

type ForNobody = (caller: Caller) => false

/** A write of one record, as the jobs that follow from it see it. */
export interface RecordWrite<I> {
  readonly id: string
  readonly caller: Caller
  /** What was sent, checked against the table; undefined for a delete. */
  readonly input: I
  readonly enqueue: Enqueue
}

/**
 * Each gives what `enqueue` made, and does nothing else: it is also asked for writes that are refused later on. A PUT
 * that creates is a create.
 */
export interface WriteJobs<T extends SQLiteTable> {
  create?(write: RecordWrite<CreateInput<T>>): readonly Enqueued[]
  update?(write: RecordWrite<UpdateInput<T>>): readonly Enqueued[]
  delete?(write: RecordWrite<undefined>): readonly Enqueued[]
}

/** A zod schema, or a function that makes one. */
export type InputSchema = z.ZodType | (() => z.ZodType)

export interface CollectionOptions<
  T extends SQLiteTable,
  R extends Relations,
  A extends Access<T, R>,
  S extends FieldKey<T> = FieldKey<T>,
  O extends string = string,
  L extends boolean = boolean,
  F extends Fields<T> = Fields<T>,
> {
  /** Who may read, create, update and delete; update and delete also need read access. */
  access: A & Checked<A, T, R>
  /** Fields that are not simply readable and writable. Decided by the caller alone, never by the row. */
  fields?: F & NoOther<F, FieldKey<T>>
  /** Fields that the server sets on create from the caller; a client that sends one is refused. */
  stamp?: { readonly [K in S]?: (caller: Caller) => Row<T>[K] }
  relations?: R
  /** The orders that lists offer, such as `-rating,title`: at most four keys, each needs an index. The first is the default; without any, lists are ordered by `id`. */
  sorts?: readonly O[]
  /** Text columns for `q=`, the most important first. */
  search?: readonly FieldKey<T>[]
  /**
   * Stricter validation of single fields, on top of what the table says. A function is called at the first write:
   * building schemas takes a good part of a Worker's start.
   */
  input?: { readonly [K in FieldKey<T>]?: InputSchema }
  /**
   * Jobs that are stored in the batch of the write that they follow from: with it, or not at all. A job that is named
   * here and whose context names the collections needs its type spelled out: `const receipt: Job<Input> = job(…)`.
   */
  jobs?: WriteJobs<T>
  /** `required`: PATCH, PUT and DELETE without `If-Match` answer 428. */
  ifMatch?: "required"
  /** Which classes of limits its requests count on, and how much each costs: `{ search: { cost: 5 } }`. */
  limit?: CollectionLimits
  /** Keeps answers near the callers; only for a collection that everybody may read, by a rule that is simply true. */
  cache?: CacheOptions
  /** Lets callers subscribe to its lists, by WebSocket and as events. Changes of fields that a caller may not read stay hidden. */
  live?: L
  /**
   * Asks the database about the caller before each request, at the cost of one trip: the session must still stand, and
   * the roles are those of this moment. Else a signed-out, banned or deleted user's access token works until it expires,
   * up to 10 minutes. Collections with a relation that leads to a strict one are strict as well.
   */
  strict?: boolean
}

/** What a client's types know of a collection beyond its table. */
export interface CollectionTraits {
  /** Names of the fields that the server sets. */
  readonly stamped: string
  /** The declared orders. */
  readonly sort: string
  readonly live: boolean
  /** Names of the fields that nobody reads. */
  readonly hidden: string
  /** Names of the fields that nobody writes. */
  readonly fixed: string
  /** Names of the fields that are written on create only. */
  readonly immutable: string
}

export interface CollectionDefinition<
  T extends SQLiteTable = SQLiteTable,
  R extends Relations = Relations,
  X extends CollectionTraits = CollectionTraits,
> {
  readonly table: T
  readonly relations: R
  readonly options: CollectionOptions<T, R, Access<T, R>>
  /** Carries the types; there is nothing in it. */
  readonly traits?: X
}

interface TraitsOf<S extends string, O extends string, L extends boolean, F> {
  readonly stamped: S
  readonly sort: O
  readonly live: L
  readonly hidden: FieldsWith<F, { readonly read: ForNobody }>
  readonly fixed: FieldsWith<F, { readonly write: ForNobody }>
  readonly immutable: FieldsWith<F, { readonly immutable: true }>
}

/**
 * Exposes a table at `/v1/{name}`, under the name that it gets in `defineBackend({ collections })`.
 *
 * @example
 * const reviews = collection(tables.reviews, {
 *   access: { read: anyone, create: signedIn, update: owner("authorId") },
 *   stamp: { authorId: (caller) => caller.id },
 *   sorts: ["-createdAt"],
 * })
 */
export function collection<
  T extends SQLiteTable,
  const R extends Relations = Record<never, never>,
  const A extends Access<T, R> = Access<T, R>,
  S extends FieldKey<T> = never,
  const O extends string = never,
  const L extends boolean = false,
  const F extends Fields<T> = Record<never, never>,
>(table: T, options: CollectionOptions<T, R, A, S, O, L, F>): CollectionDefinition<T, R, TraitsOf<S, O, L, F>> {
  return {
    table,
    relations: (options.relations ?? {}) as R,
    options: options as unknown as CollectionOptions<T, R, Access<T, R>>,
  }
}
