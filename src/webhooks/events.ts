/** What a webhook may ask for: events of collections, and a filter over the fields that it may see. */

import { FilterError, type FilterNode, type FilterScope, parseFilter } from "../access/filter.ts"
import type { Collection, Collections } from "../access/model.ts"
import { jsonPointer, type ProblemDetail } from "../core/problem.ts"
import type { ChangeEvent } from "../jobs/define.ts"
import type { Column } from "../schema/columns.ts"

const WORDS: readonly ChangeEvent[] = ["created", "updated", "deleted"]

/** `reviews.created`; the collection's name has no dot. */
function readEvent(collections: Collections, event: string): Collection | undefined {
  const [name, word, ...rest] = event.split(".")
  return rest.length === 0 && WORDS.includes(word as ChangeEvent) ? collections.get(name!) : undefined
}

/** Whoever listens is nobody in particular: a field that some may not read is not shown. */
export function shownColumns({ table, fields }: Collection): readonly Column[] {
  return table.columns.filter(({ key }) => !fields.get(key)?.read)
}

/** @throws FilterError for what this collection doesn't have, doesn't show, or has through a relation only. */
export function parseWebhookFilter(filter: unknown, collection: Collection): FilterNode {
  const scope: FilterScope = {
    column: (key) => shownColumns(collection).find((column) => column.key === key),
    relation: () => undefined,
  }
  return parseFilter(filter, scope, "client")
}

/** @param filter Must be one for each of the collections. @returns What is wrong with them. */
export function interestFaults(
  collections: Collections,
  events: readonly string[],
  filter: unknown | null,
): ProblemDetail[] {
  const wanted = events.map((event) => readEvent(collections, event))
  const unknown = wanted.flatMap((collection, at) =>
    collection ? [] : [{ pointer: `/events/${at}`, code: "invalid_value", message: "there is no such event" }],
  )
  if (unknown.length > 0 || filter === null) return unknown
  for (const collection of new Set(wanted)) {
    const fault = filterFault(filter, collection!)
    if (fault) return [fault]
  }
  return []
}

function filterFault(filter: unknown, collection: Collection): ProblemDetail | undefined {
  try {
    parseWebhookFilter(filter, collection)
    return undefined
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    const pointer = jsonPointer(["filter", ...(error.path ? error.path.split(".") : [])])
    return { pointer, code: "invalid_value", message: `${collection.name}: ${error.message}` }
  }
}
