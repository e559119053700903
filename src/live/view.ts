/** Views as text: the same for queries that see the same rows in the same form. */

import type { FilterNode } from "../access/filter.ts"
import type { Collection } from "../access/model.ts"
import type { Projection } from "../query/projection.ts"
import type { Stored } from "../schema/values.ts"

export function viewText(
  collection: Collection,
  access: FilterNode,
  filter: FilterNode,
  projection: Projection,
): string {
  return [collection.name, filterText(access), filterText(filter), projectionText(projection)].join(" ")
}

/** The columns in their order, and the relations in theirs. */
export function projectionText({ columns, relations }: Projection): string {
  const inner = relations.map(({ relation, visible, newest, projection }) =>
    [relation.name, filterText(visible), JSON.stringify(newest.map(({ key }) => key)), projectionText(projection)].join(
      " ",
    ),
  )
  return `${JSON.stringify(columns.map(({ key }) => key))}{${inner.join()}}`
}

/** Parts that are joined stand in the order of their texts, each once. */
function filterText(filter: FilterNode): string {
  switch (filter.type) {
    case "constant":
      return `${filter.value}`
    case "and":
    case "or":
      return `${filter.type}(${sorted(joined(filter.type, filter.parts).map(filterText))})`
    case "not":
      return `not(${filterText(filter.part)})`
    case "compare":
      return `${filter.op}(${JSON.stringify([filter.column.key, filter.value])})`
    case "list":
      return `${filter.negated ? "notIn" : "in"}(${JSON.stringify(filter.column.key)},${sorted(filter.values.map(valueText))})`
    case "text":
      return `${filter.op}(${JSON.stringify([filter.column.key, filter.value])})`
    case "has":
      return `has(${JSON.stringify([filter.column.key, filter.value])})`
    case "related": {
      const { relation, quantifier, visible, part } = filter
      return `${quantifier}(${relation.name},${filterText(visible)},${filterText(part)})`
    }
  }
}

/** The parts, and in place of a part that joins in the same way its own. */
function joined(type: "and" | "or", parts: readonly FilterNode[]): FilterNode[] {
  return parts.flatMap((part) => (part.type === type ? joined(type, part.parts) : [part]))
}

function valueText(value: Stored): string {
  return JSON.stringify(value)
}

function sorted(texts: readonly string[]): string {
  return [...new Set(texts)].sort().join()
}
