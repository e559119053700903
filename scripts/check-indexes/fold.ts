/** Filters without the parts that match nothing or everything: SQLite never runs them, but its plans list them. */

import { ALWAYS, all, type FilterNode, NEVER } from "../../src/access/filter.ts"
import type { Projection } from "../../src/query/projection.ts"

export function foldFilter(filter: FilterNode): FilterNode {
  switch (filter.type) {
    case "and":
      return all(filter.parts.map(foldFilter))
    case "or": {
      const parts = filter.parts.map(foldFilter).filter((part) => !isConstant(part, false))
      if (parts.some((part) => isConstant(part, true))) return ALWAYS
      return parts.length === 0 ? NEVER : parts.length === 1 ? parts[0]! : { type: "or", parts }
    }
    case "not": {
      const part = foldFilter(filter.part)
      return part.type === "constant" ? (part.value ? NEVER : ALWAYS) : { type: "not", part }
    }
    case "related":
      return foldRelated({ ...filter, visible: foldFilter(filter.visible), part: foldFilter(filter.part) })
    default:
      return filter
  }
}

export function foldProjection({ columns, relations }: Projection): Projection {
  return {
    columns,
    relations: relations.map((relation) => ({
      ...relation,
      visible: foldFilter(relation.visible),
      projection: foldProjection(relation.projection),
    })),
  }
}

function foldRelated(filter: Extract<FilterNode, { type: "related" }>): FilterNode {
  const { quantifier, visible, part } = filter
  const none = isConstant(visible, false) || isConstant(part, quantifier === "every")
  if (!none) return filter
  return quantifier === "none" || quantifier === "every" ? ALWAYS : NEVER
}

function isConstant(filter: FilterNode, value: boolean): boolean {
  return filter.type === "constant" && filter.value === value
}
