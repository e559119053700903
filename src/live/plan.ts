/** What a live query is, once it is understood. */

import type { FilterNode } from "../access/filter.ts"
import type { Collection } from "../access/model.ts"
import type { Projection } from "../query/projection.ts"
import type { ListRequest } from "../records/read.ts"

/** A query as it came: the object of a frame, or the query string of a URL. */
export type LiveInput = { readonly query: unknown } | { readonly search: string }

export interface LivePlan {
  readonly collection: Collection
  /** Whether each change tells what becomes of the query; else it is run again. */
  readonly follows: boolean
  /** SQL names of all tables that it reads; its collection's comes first. */
  readonly tables: readonly string[]
  readonly access: FilterNode
  readonly filter: FilterNode
  readonly projection: Projection
  /** With the limit that was asked for. */
  readonly request: ListRequest
  /** Equal for queries that see the same rows in the same form; sort and limit don't matter. */
  readonly view: string
  /** Binds a place in the log to the query, the caller and its roles; 6 to 11 letters and digits. */
  readonly tag: string
}

/** What a change means to one view. `record` is JSON text, absent for what is removed. */
export interface ViewChange {
  readonly op: "added" | "modified" | "removed"
  readonly recordId: string
  readonly record?: string
}
