/** Relations between tables, as the developer declares them. */

import type { InferSelectModel } from "drizzle-orm"
import type { SQLiteTable } from "drizzle-orm/sqlite-core"

export interface RelationOptions<K extends string = string> {
  /** The foreign key column, when the two tables are tied by more than one: of this table for `one`, of the other for `many`. */
  key?: string
  /** The fields that can be seen through the relation. Needed when the other table is no collection. */
  fields?: readonly K[]
}

/** A relation; made with {@link one} or {@link many}. `F` are the fields that can be seen through it. */
export interface Relation<
  T extends SQLiteTable = SQLiteTable,
  Many extends boolean = boolean,
  F extends string = string,
> {
  readonly table: T
  readonly many: Many
  readonly key: string | undefined
  readonly fields: readonly F[] | undefined
}

type FieldOf<T extends SQLiteTable> = keyof InferSelectModel<T> & string

/** The record that a foreign key of this table names, or null. */
export function one<T extends SQLiteTable, const F extends FieldOf<T> = FieldOf<T>>(
  table: T,
  options: RelationOptions<F> = {},
): Relation<T, false, F> {
  return { table, many: false, key: options.key, fields: options.fields }
}

/** The records whose foreign key names this one, newest first, at most 100. */
export function many<T extends SQLiteTable, const F extends FieldOf<T> = FieldOf<T>>(
  table: T,
  options: RelationOptions<F> = {},
): Relation<T, true, F> {
  return { table, many: true, key: options.key, fields: options.fields }
}
