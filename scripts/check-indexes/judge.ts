/** Which parts of a plan don't do, and which index would mend them. */

import type { FilterNode } from "../../src/access/filter.ts"
import type { Column } from "../../src/schema/columns.ts"
import type { TableModel } from "../../src/schema/table-model.ts"
import { isDeclared, type MissingIndex } from "./missing-index.ts"
import { type Access, type Plan, ROW_NUMBER, type TemporarySort } from "./plan.ts"
import { MAIN, type Statement } from "./statements.ts"

const NO_INDEX = "no index can be named: look at the rule, and at what it compares"

export interface Fault {
  readonly line: string
  /** An index to add, or what else to do. */
  readonly mend: MissingIndex | string
}

/** A related table: its rows are those where `column` holds a value of the row they belong to. */
interface Tied {
  readonly table: TableModel
  readonly column: Column
  /** Whether its rows are shown; a rule only asks whether there are any. */
  readonly shown: boolean
}

export interface Judgement {
  readonly faults: readonly Fault[]
  /** Sorts that no index can spare, of rows that a rule finds by indexes. */
  readonly notes: readonly string[]
}

/** @param tables By their SQL names. */
export function judge(statement: Statement, plan: Plan, tables: ReadonlyMap<string, TableModel>): Judgement {
  const tied = tiedTables(statement.query.sql, tables)
  const judged = ({ alias }: Access) => alias !== MAIN || statement.main !== "told elsewhere"
  const sorts = plan.sorts.filter((sort) => sort.of.every(judged))
  const sorted = sorts.flatMap((sort) => sort.of)
  const unavoidable = sorts.filter((sort) => isUnavoidable(statement, sort))
  return {
    faults: [
      ...plan.accesses
        .filter((access) => judged(access) && !sorted.includes(access))
        .flatMap((access) => accessFault(statement, access, tied.get(access.alias))),
      ...sorts.filter((sort) => !unavoidable.includes(sort)).flatMap((sort) => sortFault(statement, sort, tied)),
    ],
    notes: unavoidable.flatMap((sort) => [...sort.of.map((access) => access.line), sort.line]),
  }
}

/** Of the text that the engine writes: `FROM "reviews" t0 WHERE t0."film_id" = t."id"`, bracketed in a rule. */
function tiedTables(sql: string, tables: ReadonlyMap<string, TableModel>): Map<string, Tied> {
  const tied = new Map<string, Tied>()
  for (const [, name, alias, brackets, column] of sql.matchAll(/FROM "([^"]+)" (t\d+) WHERE (\(*)\2\."([^"]+)" = t/g)) {
    const table = tables.get(name!)
    if (table) tied.set(alias!, { table, column: table.byName.get(column!)!, shown: brackets === "" })
  }
  return tied
}

function accessFault(statement: Statement, access: Access, tied: Tied | undefined): Fault[] {
  const { line, scan, index, equal, alias } = access
  if (alias !== MAIN) {
    const searched = !scan && index !== undefined
    const few = !tied?.shown || index === ROW_NUMBER || columnsOf(tied.table, equal).some(isSelective)
    return searched && few ? [] : [{ line, mend: tied ? tiedIndex(tied, equal) : NO_INDEX }]
  }
  // an index in the order of a list may be walked until the page is full, but not to find the few rows of one owner
  const walked = statement.main === "ordered" && index !== undefined && narrowing(statement.access).length === 0
  return scan && !walked ? [{ line, mend: mainIndex(statement, []) }] : []
}

function sortFault(statement: Statement, sort: TemporarySort, tied: ReadonlyMap<string, Tied>): Fault[] {
  const mend = sortMend(statement, sort, tied)
  return [...sort.of.map((access) => access.line), sort.line].map((line) => ({ line, mend }))
}

function sortMend(statement: Statement, { of }: TemporarySort, tied: ReadonlyMap<string, Tied>): Fault["mend"] {
  const [first, ...others] = of
  if (first?.alias !== MAIN)
    return first && tied.has(first.alias) ? tiedIndex(tied.get(first.alias)!, first.equal) : NO_INDEX
  const wanted = mainIndex(statement, first.equal)
  if (others.length === 0 && !isDeclared(wanted)) return wanted
  const preferred = of.filter((access) => !isNarrow(statement, access)).map((access) => access.index)
  return `take away the index ${preferred.join(", ")}, or the order: SQLite prefers the one, which doesn't help the other`
}

/** The rule is an `or`, or asks for one of a list, of columns that each lead to few rows: no order spans them. */
function isUnavoidable(statement: Statement, { of }: TemporarySort): boolean {
  if (of.length === 0 || narrowing(statement.access).length > 0) return false
  return of.every((access) => access.alias === MAIN && !access.scan && isNarrow(statement, access))
}

function isNarrow({ access, keys }: Statement, { equal }: Access): boolean {
  return searched(access).some(
    (column) => equal.includes(column.name) && !keys.some((key) => key.column === column) && isSelective(column),
  )
}

/** The columns by which every row must fit the rule. */
function narrowing(access: FilterNode): Column[] {
  if (access.type === "and") return access.parts.flatMap(narrowing)
  return access.type === "compare" && access.op === "eq" && access.value !== null && isSelective(access.column)
    ? [access.column]
    : []
}

/** The columns by which an index could find rows that fit the rule. */
function searched(access: FilterNode): Column[] {
  switch (access.type) {
    case "and":
    case "or":
      return access.parts.flatMap(searched)
    case "compare":
      return access.op === "eq" && access.value !== null ? [access.column] : []
    case "list":
      return access.negated ? [] : [access.column]
    default:
      return []
  }
}

/** One value of two or of a few stands in so many rows that a walk finds them anyway. */
function isSelective(column: Column): boolean {
  return column.kind !== "boolean" && column.choices === undefined
}

/** @param equal SQL names of columns that the plan searches by; the rule's are worth a place in the index. */
function mainIndex({ table, access, keys }: Statement, equal: readonly string[]): MissingIndex {
  const leading = new Set([...narrowing(access), ...conjuncts(access).filter((column) => equal.includes(column.name))])
  const order = keys.filter((key) => !leading.has(key.column))
  // an index is walked both ways: an order that descends throughout needs none that descends
  const turned = order.every((key) => key.descending)
  return {
    table,
    keys: [
      ...[...leading].map((column) => ({ column, descending: false })),
      ...order.map(({ column, descending }) => ({ column, descending: descending && !turned })),
    ],
  }
}

function conjuncts(access: FilterNode): Column[] {
  if (access.type === "and") return access.parts.flatMap(conjuncts)
  return access.type === "compare" && access.op === "eq" ? [access.column] : []
}

/**
 * Related rows come newest first.
 *
 * @param equal SQL names of columns that the plan searches by: of the relation, of a rule, or both.
 */
function tiedIndex({ table, column, shown }: Tied, equal: readonly string[]): MissingIndex {
  const order = shown ? ["createdAt", "id"].flatMap((key) => table.byKey.get(key) ?? []) : []
  const index = (columns: Column[]) => ({ table, keys: columns.map((each) => ({ column: each, descending: false })) })
  const plain = index([column, ...order])
  if (!isDeclared(plain)) return plain
  const ofRule = columnsOf(table, equal).filter((other) => other !== column)
  return index([column, ...ofRule, ...order.filter((other) => !ofRule.includes(other))])
}

function columnsOf(table: TableModel, names: readonly string[]): Column[] {
  return names.flatMap((name) => table.byName.get(name) ?? [])
}
