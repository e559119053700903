/** What an answer's form depends on, beside its address: a deploy with other definitions finds nothing old. */

import type { Collection, Collections, ResolvedRelation } from "../access/model.ts"
import { hasSharedView } from "../access/shared-view.ts"
import { visibleColumns } from "../access/visibility.ts"
import { ANONYMOUS } from "../core/caller.ts"
import { hashText } from "../core/hash.ts"
import type { Column } from "../schema/columns.ts"

/** Raised when the engine itself comes to answer otherwise. */
const FORM = 1

export function definitionsHash(collections: Collections): string {
  return hashText(JSON.stringify([FORM, ...[...collections.values()].map(formOf)]))
}

function formOf(collection: Collection): unknown {
  const { name, table, relations, sorts, search } = collection
  return [
    name,
    table.name,
    hasSharedView(collection, ANONYMOUS),
    visibleColumns(collection, ANONYMOUS).map(columnForm),
    [...relations.values()].map(relationForm),
    sorts.map(({ text }) => text),
    search.map(({ key }) => key),
  ]
}

function columnForm({ key, name, kind, unit }: Column): unknown {
  return [key, name, kind, unit]
}

function relationForm(relation: ResolvedRelation): unknown {
  const { name, many, target, collection, fields, ownColumn, targetColumn } = relation
  return [
    name,
    many,
    target.name,
    collection?.name,
    target.columns.map(columnForm),
    [...(fields ?? [])],
    ownColumn.key,
    targetColumn.key,
  ]
}
