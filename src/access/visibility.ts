/** What a caller may see and do in a collection. The service may do everything. */

import type { Caller } from "../core/caller.ts"
import { SelvedgeError } from "../core/problem.ts"
import type { Column } from "../schema/columns.ts"
import type { Action } from "./collection.ts"
import { ALWAYS, FilterError, type FilterNode, type FilterScope, isNever, NEVER, parseFilter } from "./filter.ts"
import type { Collection, ResolvedRelation } from "./model.ts"

/** The rows on which a caller may do something: all, none, or those of a filter. A missing rule means none, and so does a missing scope. */
export function accessFilter(collection: Collection, action: Action, caller: Caller): FilterNode {
  if (caller.kind === "service") return ALWAYS
  if (caller.scopes && !caller.scopes.has(`${collection.name}:${action}`)) return NEVER
  const rule = collection.access[action]
  if (!rule) return NEVER
  const answer = rule(caller)
  if (answer === true) return ALWAYS
  if (!answer) return NEVER
  try {
    return parseFilter(answer, ruleScope(collection))
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    console.error(
      JSON.stringify({
        level: "error",
        event: "rule_denied",
        collection: collection.name,
        action,
        detail: error.message,
      }),
    )
    return NEVER
  }
}

/** @throws SelvedgeError `unauthenticated` or `forbidden` when no row at all is allowed, before any look at an id. */
export function requireAccess(collection: Collection, action: Action, caller: Caller): FilterNode {
  const filter = accessFilter(collection, action, caller)
  if (isNever(filter)) throw refused(caller)
  return filter
}

export function refused(caller: Caller): SelvedgeError {
  if (caller.kind !== "anonymous") return new SelvedgeError("forbidden", "You may not do this.")
  return new SelvedgeError("unauthenticated", "Sign in to do this.", {
    headers: { "WWW-Authenticate": 'Bearer realm="selvedge"' },
  })
}

/** The columns a caller may see, in the table's order. */
export function visibleColumns(collection: Collection, caller: Caller): readonly Column[] {
  if (caller.kind === "service" || collection.fields.size === 0) return collection.table.columns
  return collection.table.columns.filter((column) => mayRead(collection, column, caller))
}

/** The relation of that name, unless the key that ties it is hidden from the caller: it would tell what the key holds. */
export function visibleRelation(
  collection: Collection | undefined,
  name: string,
  caller: Caller,
): ResolvedRelation | undefined {
  const relation = collection?.relations.get(name)
  if (!relation || caller.kind === "service") return relation
  const hides = (side: Collection | undefined, column: Column) => side && !mayRead(side, column, caller)
  return hides(collection, relation.ownColumn) || hides(relation.collection, relation.targetColumn)
    ? undefined
    : relation
}

/** A rule that answers anything but `true` hides the field. */
function mayRead(collection: Collection, column: Column, caller: Caller): boolean {
  const read = collection.fields.get(column.key)?.read
  return !read || read(caller) === true
}

/** The columns a caller may see through a relation, in the table's order. */
export function visibleThrough(relation: ResolvedRelation, caller: Caller): readonly Column[] {
  const { collection, fields } = relation
  const columns = collection ? visibleColumns(collection, caller) : relation.target.columns
  return fields ? columns.filter((column) => fields.has(column.key)) : columns
}

/** The related rows a caller may see. A table that is no collection shows its declared fields to all who see the relation. */
export function visibleRows(relation: ResolvedRelation, caller: Caller): FilterNode {
  return relation.collection ? accessFilter(relation.collection, "read", caller) : ALWAYS
}

/** Whose relations can be followed further: a relation with declared fields shows these and nothing behind them. */
export function reachable(relation: ResolvedRelation): Collection | undefined {
  return relation.fields ? undefined : relation.collection
}

/** A rule may name every column and relation. */
export function ruleScope(collection: Collection): FilterScope {
  return {
    column: (key) => collection.table.byKey.get(key),
    relation: (name) => {
      const relation = collection.relations.get(name)
      return (
        relation && {
          relation,
          visible: ALWAYS,
          scope: relation.collection ? ruleScope(relation.collection) : tableScope(relation),
        }
      )
    },
  }
}

/**
 * A caller may name what it can read, and through a relation what it can read there.
 *
 * @param followed Takes in the relations that are named.
 */
export function callerScope(
  collection: Collection,
  caller: Caller,
  followed = new Set<ResolvedRelation>(),
): FilterScope {
  return scopeOver(visibleColumns(collection, caller), collection, caller, followed)
}

function scopeOver(
  columns: readonly Column[],
  collection: Collection | undefined,
  caller: Caller,
  followed: Set<ResolvedRelation>,
): FilterScope {
  return {
    column: (key) => columns.find((column) => column.key === key),
    relation: (name) => {
      const relation = visibleRelation(collection, name, caller)
      if (!relation) return undefined
      followed.add(relation)
      return {
        relation,
        visible: visibleRows(relation, caller),
        scope: scopeOver(visibleThrough(relation, caller), reachable(relation), caller, followed),
      }
    },
  }
}

function tableScope(relation: ResolvedRelation): FilterScope {
  return { column: (key) => relation.target.byKey.get(key), relation: () => undefined }
}
