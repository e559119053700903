/** Which tables answers are made of. */

import type { Collection, Collections } from "./model.ts"

/** @returns SQL names of the tables of the collections that are chosen, and of those that their relations lead to. */
export function reachedTables(
  collections: Collections,
  isChosen: (collection: Collection) => boolean,
): ReadonlySet<string> {
  const tables = new Set<string>()
  const reached = [...collections.values()].filter(isChosen)
  for (const { table, relations } of reached) {
    tables.add(table.name)
    for (const { target, collection } of relations.values()) {
      tables.add(target.name)
      if (collection && !reached.includes(collection)) reached.push(collection)
    }
  }
  return tables
}
