/** What a live query is, once it is understood. */

import type { FilterNode } from "../access/filter.ts"
import type { Collection, Collections } from "../access/model.ts"
import { reachedByFilter } from "../access/reach.ts"
import { callerScope, requireAccess } from "../access/visibility.ts"
import type { Caller } from "../core/caller.ts"
import { hashText } from "../core/hash.ts"
import { invalidQuery, SelvedgeError } from "../core/problem.ts"
import type { Projection } from "../query/projection.ts"
import { project } from "../query/selection.ts"
import { type ListRequest, sortOf } from "../records/read.ts"
import type { TableModel } from "../schema/table-model.ts"
import { notesWholeRows } from "../schema/triggers.ts"
import { readObject, readSearch } from "./read-input.ts"
import { viewText } from "./view.ts"

/** A query as it came: the object of a frame, or the query string of a URL. */
export type LiveInput = { readonly query: unknown } | { readonly search: string }

export interface LivePlan {
  /** As whom it is asked: its socket may belong to somebody else by now. */
  readonly caller: Caller
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
  readonly order: string
  /** The order as a client reads it: each key, `-` before those that descend, with `id` at the end. */
  readonly sort: string
  /** Of the query, the caller and its roles: 6 to 11 letters and digits. With other definitions it is another. */
  readonly tag: string
}

/** What a change means to one view. `record` is JSON text, absent for what is removed. */
export interface ViewChange {
  readonly op: "added" | "modified" | "removed"
  readonly recordId: string
  readonly record?: string
}

const SHORTEST_TAG = 6

/**
 * @throws SelvedgeError `not_found` for a collection that is unknown or not live, `unauthenticated` or `forbidden` where
 * the caller may read nothing of it, `invalid_query` that names the parameter for what it can't be asked.
 */
export function planLive(collections: Collections, caller: Caller, name: string, input: LiveInput): LivePlan {
  const collection = collections.get(name)
  if (!collection?.live) throw new SelvedgeError("not_found", "There is no such live collection.")
  const access = requireAccess(collection, "read", caller)
  const scope = callerScope(collection, caller)
  const request = "search" in input ? readSearch(input.search, scope) : readObject(input.query, scope)
  const { filter } = request
  const { sort, reversed } = sortOf(collection, caller, request.sort, undefined)
  const projection = project(collection, caller, request)
  const related = [
    ...noted("collection", reachedByFilter(access)),
    ...noted("filter", reachedByFilter(filter)),
    ...noted(request.expand ? "expand" : "fields", reachedByProjection(projection)),
  ]
  const view = viewText(collection, access, filter, projection)
  const plan = {
    caller,
    collection,
    follows: related.length === 0 && notesWholeRows(collection.table),
    tables: [...new Set([collection.table.name, ...related])],
    access,
    filter,
    projection,
    request,
    view,
    order: `${reversed ? "-" : ""}${sort!.text}`,
    sort: sort!.keys.map(({ column, descending }) => `${descending === reversed ? "" : "-"}${column.key}`).join(),
  }
  return { ...plan, tag: hashText(identityOf(plan)).padStart(SHORTEST_TAG, "0") }
}

/** Equal for the same query in other words, asked by the same caller with the same roles. */
export function identityOf({ caller, view, order, request }: Omit<LivePlan, "tag">): string {
  const { kind, id, roles, scopes } = caller
  return JSON.stringify([view, order, request.limit, kind, id, [...roles].sort(), scopes ? [...scopes].sort() : null])
}

function reachedByProjection({ relations }: Projection): TableModel[] {
  return relations.flatMap(({ relation, visible, projection }) => [
    relation.target,
    ...reachedByFilter(visible),
    ...reachedByProjection(projection),
  ])
}

/** @returns SQL names. A table without record columns has no changes that would say when to look again. */
function noted(parameter: string, tables: readonly TableModel[]): string[] {
  if (tables.some(({ isRecord }) => !isRecord))
    throw invalidQuery(parameter, "leads to records whose changes aren't noted, so it can't be live")
  return tables.map(({ name }) => name)
}
