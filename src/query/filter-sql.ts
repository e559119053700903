/** A filter as SQL. Every part is true or false, never NULL, where it stands under a NOT; all parts are bracketed. */

import type { FilterNode } from "../access/filter.ts"
import { type ColumnKind, quote } from "../schema/columns.ts"
import { type Bindings, ref } from "./bindings.ts"

/** Conditions side by side that are no deeper than a condition alone needs. */
const MOST_FLAT_PARTS = 4

/** @param alias The alias, or the quoted name, of the filtered table. */
export function filterSql(filter: FilterNode, alias: string, bindings: Bindings): string {
  switch (filter.type) {
    case "constant":
      return filter.value ? "1" : "0"
    case "and":
    case "or":
      return balanced(
        filter.parts.map((part) => filterSql(part, alias, bindings)),
        filter.type === "and" ? "AND" : "OR",
      )
    case "not":
      return `((${filterSql(filter.part, alias, bindings)}) IS NOT TRUE)`
    case "compare":
      return compareSql(filter, alias, bindings)
    case "list":
      return listSql(filter, alias, bindings)
    case "text":
      return textSql(filter, alias, bindings)
    case "has":
      return hasSql(filter, alias, bindings)
    case "related":
      return relatedSql(filter, alias, bindings)
  }
}

/** D1 bounds the depth of an expression at 100, and a flat chain is as deep as it is long: so join in halves. */
export function balanced(parts: readonly string[], word: "AND" | "OR" | "+"): string {
  if (parts.length === 0) return word === "AND" ? "1" : "0"
  if (parts.length === 1) return parts[0]!
  const middle = parts.length >> 1
  return `(${balanced(parts.slice(0, middle), word)} ${word} ${balanced(parts.slice(middle), word)})`
}

type Of<T extends FilterNode["type"]> = Extract<FilterNode, { type: T }>

const SIGNS = { eq: "=", ne: "IS NOT", gt: ">", gte: ">=", lt: "<", lte: "<=" }

function compareSql({ column, op, value }: Of<"compare">, alias: string, bindings: Bindings): string {
  const c = ref(alias, column)
  if (value === null) return op === "eq" ? `(${c} IS NULL)` : `(${c} IS NOT NULL)`
  return `(${c} ${SIGNS[op]} ${bindings.addFor(column, value)})`
}

function listSql({ column, negated, values }: Of<"list">, alias: string, bindings: Bindings): string {
  if (values.length === 0) return negated ? "1" : "0"
  const inside = `(${ref(alias, column)} IN (SELECT ${memberSql(column.kind)} FROM json_each(${bindings.add(JSON.stringify(values))})))`
  return negated ? `(${inside} IS NOT TRUE)` : inside
}

/** JSON writes large doubles as whole numbers, rounded in decimal: they are themselves again only as REAL. */
function memberSql(kind: ColumnKind): string {
  if (kind === "bigint") return "CAST(value AS INTEGER)"
  if (kind === "real") return "CAST(value AS REAL)"
  return kind === "blob" ? "unhex(value)" : "value"
}

/** LIKE would read `%` and `_`, and D1 bounds its pattern at 50 bytes. */
function textSql({ column, op, value }: Of<"text">, alias: string, bindings: Bindings): string {
  const c = ref(alias, column)
  const sought = bindings.add(value)
  if (op === "contains") return `(instr(lower(${c}), lower(${sought})) > 0)`
  return `(substr(lower(${c}), 1, length(${sought})) = lower(${sought}))`
}

function hasSql({ column, value }: Of<"has">, alias: string, bindings: Bindings): string {
  const c = ref(alias, column)
  const element =
    typeof value === "boolean"
      ? `type = '${value}'`
      : typeof value === "string"
        ? `value = ${bindings.add(value)} AND type = 'text'`
        : `CAST(value AS REAL) = ${bindings.add(value)} AND type IN ('integer', 'real')`
  return `(iif(json_valid(${c}), json_type(${c}), '') = 'array' AND EXISTS (SELECT 1 FROM json_each(iif(json_valid(${c}), ${c}, '[]')) WHERE ${element}))`
}

function relatedSql({ relation, quantifier, visible, part }: Of<"related">, alias: string, bindings: Bindings): string {
  const inner = bindings.alias()
  const tied = `${ref(inner, relation.targetColumn)} = ${ref(alias, relation.ownColumn)}`
  const seen = filterSql(visible, inner, bindings)
  const inside = filterSql(part, inner, bindings)
  const wanted = quantifier === "every" ? `(${inside}) IS NOT TRUE` : inside
  const rows = `SELECT 1 FROM ${quote(relation.target.name)} ${inner} WHERE ${balanced(
    [`(${tied})`, seen, `(${wanted})`].filter((sql) => sql !== "1" && sql !== "(1)"),
    "AND",
  )}`
  const exists = `EXISTS (${isDeep(visible) || isDeep(part) ? setApart(rows) : rows})`
  return quantifier === "one" || quantifier === "some" ? `(${exists})` : `(NOT ${exists})`
}

/**
 * The same rows through one more FROM. SQLite adds up the depth of all expressions that enclose a subquery, and each of
 * them contains the subquery's own: what stands in a FROM isn't counted again. It is planned as if it stood there alone,
 * but for a plain EXISTS, which the planner can turn into a join.
 */
export function setApart(select: string, columns = "1"): string {
  return `SELECT ${columns} FROM (${select})`
}

/** Whether the depth of a filter matters where it stands in a subquery. */
export function isDeep(filter: FilterNode): boolean {
  switch (filter.type) {
    case "related":
      return true
    case "and":
    case "or":
      return filter.parts.length > MOST_FLAT_PARTS || filter.parts.some(isDeep)
    case "not":
      return filter.part.type !== "compare"
    default:
      return false
  }
}
