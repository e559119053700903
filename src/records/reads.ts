/** Which tables an answer is made of, and whether everybody would get the same. */

import type { Collection, ResolvedRelation } from "../access/model.ts"
import { hasSharedView } from "../access/shared-view.ts"
import type { Caller } from "../core/caller.ts"
import type { Projection } from "../query/projection.ts"

export interface Reads {
  /** SQL names. */
  readonly tables: readonly string[]
  /** Names of the collections among them. */
  readonly collections: readonly string[]
}

/**
 * @param followed The relations that the filter names. Some are no part of it any more: whoever sees nothing through one
 * gets another answer than others do.
 * @returns Undefined where the collection keeps no answers, another caller might get another one, or changes of a table
 * aren't noted.
 */
export function sharedReads(
  collection: Collection,
  caller: Caller,
  followed: Iterable<ResolvedRelation> | undefined,
  projection: Projection | undefined,
): Reads | undefined {
  if (!collection.cache || !followed) return undefined
  const relations = [...(projection ? projected(projection) : []), ...followed]
  const collections = new Set([collection, ...relations.flatMap((relation) => relation.collection ?? [])])
  const isShared = [...collections].every((touched) => hasSharedView(touched, caller))
  const isNoted = relations.every(({ target }) => target.isRecord)
  if (!isShared || !isNoted) return undefined
  return {
    tables: [...new Set([collection.table.name, ...relations.map(({ target }) => target.name)])],
    collections: [...collections].map(({ name }) => name),
  }
}

function projected({ relations }: Projection): ResolvedRelation[] {
  return relations.flatMap(({ relation, projection }) => [relation, ...projected(projection)])
}
