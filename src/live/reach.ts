/** The tables that a filter or a projection reads beyond its own. */

import type { FilterNode } from "../access/filter.ts"
import type { Projection } from "../query/projection.ts"
import type { TableModel } from "../schema/table-model.ts"

/** Those of rules for related records count as well. */
export function reachedByFilter(filter: FilterNode): TableModel[] {
  switch (filter.type) {
    case "and":
    case "or":
      return filter.parts.flatMap(reachedByFilter)
    case "not":
      return reachedByFilter(filter.part)
    case "related":
      return [filter.relation.target, ...reachedByFilter(filter.visible), ...reachedByFilter(filter.part)]
    default:
      return []
  }
}

export function reachedByProjection({ relations }: Projection): TableModel[] {
  return relations.flatMap(({ relation, visible, projection }) => [
    relation.target,
    ...reachedByFilter(visible),
    ...reachedByProjection(projection),
  ])
}
