/** Anchors: values of which a row holds at least one when a filter matches it. By them a change finds its filters. */

import type { FilterNode } from "../access/filter.ts"
import type { Column } from "../schema/columns.ts"
import type { Stored } from "../schema/values.ts"

export interface Anchor {
  readonly column: Column
  readonly value: Stored
}

/** A filter with more is asked of every change. */
const MOST_ANCHORS = 32

/**
 * @param crowd How many filters hang on an anchor already.
 * @returns The anchors that promise the fewest needless questions; undefined where no values bind the filter.
 */
export function anchorsOf(filter: FilterNode, crowd: (anchor: Anchor) => number): readonly Anchor[] | undefined {
  switch (filter.type) {
    case "constant":
      return filter.value ? undefined : []
    case "compare":
      return filter.op === "eq" ? [{ column: filter.column, value: filter.value }] : undefined
    case "list": {
      const { column, values, negated } = filter
      return negated ? undefined : few([...new Set(values)].map((value) => ({ column, value })))
    }
    case "and":
      return best(
        filter.parts.flatMap((part) => {
          const anchors = anchorsOf(part, crowd)
          return anchors ? [anchors] : []
        }),
        crowd,
      )
    case "or": {
      const parts = filter.parts.map((part) => anchorsOf(part, crowd))
      return parts.every((part) => part !== undefined) ? few(parts.flat()) : undefined
    }
    default:
      return undefined
  }
}

function few(anchors: readonly Anchor[]): readonly Anchor[] | undefined {
  return anchors.length <= MOST_ANCHORS ? anchors : undefined
}

/** Narrow ones before broad ones; among these the ones on which the fewest others hang, which tells of their spread. */
function best(
  choices: readonly (readonly Anchor[])[],
  crowd: (anchor: Anchor) => number,
): readonly Anchor[] | undefined {
  const weighed = choices.map((anchors) => ({
    anchors,
    isBroad: anchors.some(isBroad),
    crowd: anchors.reduce((sum, anchor) => sum + crowd(anchor) + 1, 0),
  }))
  return weighed.sort((a, b) => Number(a.isBroad) - Number(b.isBroad) || a.crowd - b.crowd)[0]?.anchors
}

/** Many rows share such a value. */
function isBroad({ column, value }: Anchor): boolean {
  return value === null || column.kind === "boolean" || column.choices !== undefined
}
