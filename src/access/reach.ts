/** The tables that a filter reads beside its own. */

import type { TableModel } from "../schema/table-model.ts"
import type { FilterNode } from "./filter.ts"

/** What a rule for related records reads counts as well. */
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
