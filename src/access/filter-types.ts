/** The filter as a developer writes it in a rule, checked against the table's columns. */

import type { InferSelectModel } from "drizzle-orm"
import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import type { Relation } from "../schema/relations.ts"

export type Row<T extends SQLiteTable> = InferSelectModel<T>
export type Relations = { readonly [name: string]: Relation }

type Operand<V> = V extends Date ? Date | string : V extends bigint ? bigint | string : V

/** What a column is compared with. */
export type Condition<V> =
  | Operand<V>
  | {
      eq?: Operand<V>
      ne?: Operand<V>
      gt?: Operand<NonNullable<V>>
      gte?: Operand<NonNullable<V>>
      lt?: Operand<NonNullable<V>>
      lte?: Operand<NonNullable<V>>
      in?: readonly Operand<NonNullable<V>>[]
      notIn?: readonly Operand<NonNullable<V>>[]
      contains?: NonNullable<V> extends string ? string : never
      startsWith?: NonNullable<V> extends string ? string : never
      has?: NonNullable<V> extends readonly (infer E)[] ? E : never
    }

type ColumnFilter<T extends SQLiteTable> = { readonly [K in keyof Row<T>]?: Condition<Row<T>[K]> }

/** Relations of the related table are not known here; they are checked when the backend starts. */
type RelatedFilter<T extends SQLiteTable> = ColumnFilter<T> & { readonly [relation: string]: unknown }

/** Where no relation is declared, their names are any text: then there are none. */
type RelationFilter<R> = string extends keyof R
  ? unknown
  : {
      readonly [K in keyof R]?: R[K] extends Relation<infer T, infer Many>
        ? Many extends true
          ? { some?: RelatedFilter<T>; none?: RelatedFilter<T>; every?: RelatedFilter<T> }
          : RelatedFilter<T>
        : never
    }

/** A filter over the rows of `T` and, through its relations `R`, over related rows. It is true or false, never unknown. */
export type Filter<T extends SQLiteTable, R = unknown> = ColumnFilter<T> &
  RelationFilter<R> & {
    readonly and?: readonly Filter<T, R>[]
    readonly or?: readonly Filter<T, R>[]
    readonly not?: Filter<T, R>
  }

/** The names that a filter uses on its own level, `and`, `or` and `not` looked into. */
export type NamesIn<F> = F extends readonly (infer E)[]
  ? NamesIn<E>
  : F extends object
    ? { [K in keyof F]-?: K extends "and" | "or" | "not" ? NamesIn<F[K]> : K }[keyof F]
    : never
