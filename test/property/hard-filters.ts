/** Filters that reach for every bound at once: levels, relations, conditions. */

import fc from "fast-check"
import { type FilterScope, MOST_FILTER_DEPTH, MOST_FILTER_RELATIONS } from "../../src/access/filter.ts"
import type { Collection } from "../../src/access/model.ts"
import type { Column } from "../../src/schema/columns.ts"
import { idOf } from "./rows.ts"
import type { Row } from "./values.ts"

const TAPE = 120

/**
 * Parts of an `or` on the first level that together use all conditions there are.
 * @param most Conditions of one filter.
 */
export function hardParts(collection: Collection, scope: FilterScope, most: number): fc.Arbitrary<Row[]> {
  const tapes = fc.array(fc.nat(), { minLength: TAPE, maxLength: TAPE })
  return tapes.map((tape) => {
    const builder = new Builder(tape, most)
    return [builder.level(collection, scope, 2, 0), ...builder.rest(collection, scope)]
  })
}

class Builder {
  readonly #tape: readonly number[]
  #left: number
  #at = 0

  constructor(tape: readonly number[], most: number) {
    this.#tape = tape
    this.#left = most
  }

  /** One level deeper with each call, through a relation where there is one left, and conditions beside it. */
  level(collection: Collection, scope: FilterScope, depth: number, through: number): Row {
    if (depth >= MOST_FILTER_DEPTH || this.#left <= 1) return this.#condition(collection, scope)
    const levelsLeft = MOST_FILTER_DEPTH - depth
    const related =
      through < MOST_FILTER_RELATIONS && (this.#next(2) === 0 || levelsLeft <= MOST_FILTER_RELATIONS - through)
    const relations = related
      ? [...collection.relations.values()].filter(({ name, collection: target }) => target && scope.relation(name))
      : []
    const relation = relations[this.#next(relations.length || 1)]
    if (relation) {
      this.#left--
      const inner = this.level(relation.collection!, scope.relation(relation.name)!.scope, depth + 1, through + 1)
      return { [relation.name]: relation.many ? { [["some", "none", "every"][this.#next(3)]!]: inner } : inner }
    }
    if (this.#next(3) === 0) return { not: this.level(collection, scope, depth + 1, through) }
    const beside = Array.from({ length: Math.min(this.#next(12), this.#left - 1) }, () =>
      this.#condition(collection, scope),
    )
    const inner = this.level(collection, scope, depth + 1, through)
    return { [this.#next(2) === 0 ? "and" : "or"]: this.#next(2) === 0 ? [inner, ...beside] : [...beside, inner] }
  }

  rest(collection: Collection, scope: FilterScope): Row[] {
    return Array.from({ length: this.#left }, () => this.#condition(collection, scope))
  }

  #condition(collection: Collection, scope: FilterScope): Row {
    this.#left--
    const columns = collection.table.columns.filter((column) => scope.column(column.key))
    const column = columns[this.#next(columns.length)]!
    return { [column.key]: this.#operation(column) }
  }

  /** Each takes a value of its own, since a statement holds only so many. */
  #operation(column: Column): unknown {
    const value = `value ${this.#at}`
    switch (column.kind) {
      case "text":
        return [{ contains: value }, { startsWith: value }, { ne: value }, { notIn: [value, idOf(1)] }][this.#next(4)]
      case "json":
        return { has: value }
      case "bigint":
        return { in: [String(this.#at)] }
      case "boolean":
        return { ne: true }
      case "timestamp":
        return { gt: new Date(this.#at).toISOString() }
      case "blob":
        return { ne: "AAAA" }
      default:
        return { gte: this.#at }
    }
  }

  #next(below: number): number {
    return this.#tape[this.#at++ % TAPE]! % below
  }
}
