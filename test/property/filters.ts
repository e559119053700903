/** Random filters, as a rule or a caller writes them, over one table's columns and its relations. */

import fc from "fast-check"
import { type FilterScope, MOST_FILTER_DEPTH, MOST_FILTER_RELATIONS } from "../../src/access/filter.ts"
import type { Collection } from "../../src/access/model.ts"
import type { Column } from "../../src/schema/columns.ts"
import type { TableModel } from "../../src/schema/table-model.ts"
import { elementOperand, nobody, operandFor, type Row } from "./values.ts"

export interface FilterOptions {
  /** How deep filters go through relations. */
  readonly relations?: number
  readonly depth?: number
  /** Values that a text column may be compared with beside the usual ones, such as ids of callers. */
  readonly texts?: readonly string[]
  /** Whether values that no caller may write stand among the operands. */
  readonly anonymous?: boolean
}

interface Level {
  readonly table: TableModel
  readonly collection: Collection | undefined
  readonly scope: FilterScope
  /** The relations that led here. */
  readonly path: string
}

/** @param scope What the filters may name. */
export function filtersOver(
  collection: Collection,
  scope: FilterScope,
  options: FilterOptions = {},
): fc.Arbitrary<Row> {
  const { relations = 0, depth = MOST_FILTER_DEPTH, texts = [], anonymous = false } = options
  const known = new Map<string, fc.Arbitrary<Row>>()
  return level({ table: collection.table, collection, scope, path: "" }, 1, 0)

  function level(at: Level, deep: number, through: number): fc.Arbitrary<Row> {
    const name = `${at.path} ${deep}`
    const found = known.get(name)
    if (found) return found
    const drawn = build(at, deep, through)
    known.set(name, drawn)
    return drawn
  }

  function build(at: Level, deep: number, through: number): fc.Arbitrary<Row> {
    const columns = at.table.columns.filter((column) => at.scope.column(column.key))
    const condition = fc.oneof(...columns.map((column) => conditionOn(column)))
    const leaf = fc.oneof(
      { weight: 8, arbitrary: condition },
      { weight: 1, arbitrary: fc.tuple(condition, condition).map(([a, b]) => ({ ...a, ...b })) },
      { weight: 1, arbitrary: fc.constant({}) },
    )
    if (deep >= depth) return leaf
    const inner = fc.constant(undefined).chain(() => level(at, deep + 1, through))
    const related = relatedFilters(at, deep, through)
    return fc.oneof(
      { weight: 6, arbitrary: leaf },
      { weight: 2, arbitrary: inner.map((part) => ({ not: part })) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(fc.constantFrom("and", "or"), fc.array(inner, { maxLength: 3 }))
          .map(([word, parts]) => ({ [word]: parts })),
      },
      ...(related ? [{ weight: 5, arbitrary: related }] : []),
    )
  }

  function relatedFilters(at: Level, deep: number, through: number): fc.Arbitrary<Row> | undefined {
    if (through >= Math.min(relations, MOST_FILTER_RELATIONS)) return undefined
    const all = [...(at.collection?.relations.values() ?? [])].flatMap((relation) => {
      const target = at.scope.relation(relation.name)
      if (!target) return []
      const next: Level = {
        table: relation.target,
        collection: relation.collection,
        scope: target.scope,
        path: `${at.path}.${relation.name}`,
      }
      const part = fc.constant(undefined).chain(() => level(next, deep + 1, through + 1))
      if (!relation.many) return [part.map((filter): Row => ({ [relation.name]: filter }))]
      const quantified = fc
        .tuple(fc.constantFrom("some", "none", "every"), part)
        .map(([word, filter]) => ({ [word]: filter }))
      return [quantified.map((filter): Row => ({ [relation.name]: filter }))]
    })
    return all.length > 0 ? fc.oneof(...all) : undefined
  }

  function conditionOn(column: Column): fc.Arbitrary<Row> {
    const on = (value: fc.Arbitrary<unknown>) => value.map((drawn): Row => ({ [column.key]: drawn }))
    const operand = fc.oneof(
      { weight: 20, arbitrary: operandFor(column) },
      ...(column.kind === "text" && texts.length > 0 ? [{ weight: 10, arbitrary: fc.constantFrom(...texts) }] : []),
      ...(anonymous ? [{ weight: 1, arbitrary: nobody }] : []),
    )
    const op = (names: readonly string[], value: fc.Arbitrary<unknown>) =>
      fc.tuple(fc.constantFrom(...names), value).map(([name, drawn]) => ({ [name]: drawn }))
    const isNull = op(["eq", "ne"], fc.constant(null))
    const plain = fc.constant<unknown>(null)
    if (column.kind === "json")
      return on(
        fc.oneof(
          op(
            ["has"],
            fc.oneof(
              { weight: 9, arbitrary: elementOperand },
              { weight: 1, arbitrary: anonymous ? nobody : elementOperand },
            ),
          ),
          isNull,
          plain,
        ),
      )
    const forms: fc.Arbitrary<unknown>[] = [
      operand,
      plain,
      isNull,
      op(["eq", "ne"], operand),
      op(["in", "notIn"], fc.array(operand, { maxLength: 4 })),
    ]
    if (column.kind !== "blob")
      forms.push(
        op(["gt", "gte", "lt", "lte"], operand),
        fc.tuple(operand, operand).map(([gte, lt]) => ({ gte, lt })),
      )
    if (column.kind === "text") forms.push(op(["contains", "startsWith"], operand))
    return on(fc.oneof(...forms))
  }
}
