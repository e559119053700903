/** The statements that a backend's definitions lead to: orders, relations, rules and foreign keys. */

import { getTableName } from "drizzle-orm"
import { getTableConfig } from "drizzle-orm/sqlite-core"
import { ALWAYS, type FilterNode, isNever } from "../../src/access/filter.ts"
import { ACTIONS, type Collection, type Sort, type SortKey } from "../../src/access/model.ts"
import { accessFilter, reachable, visibleColumns } from "../../src/access/visibility.ts"
import type { Caller } from "../../src/core/caller.ts"
import type { Query } from "../../src/db/query.ts"
import type { Backend } from "../../src/index.ts"
import { getQuery, type ListPlan, listQuery } from "../../src/query/list.ts"
import type { Projection } from "../../src/query/projection.ts"
import { MOST_EXPAND_LEVELS, project } from "../../src/query/selection.ts"
import { type Column, quote } from "../../src/schema/columns.ts"
import { type TableModel, tableModel } from "../../src/schema/table-model.ts"
import type { Stored } from "../../src/schema/values.ts"
import { callersOf } from "./callers.ts"

/** The engine's alias of the table that a statement is about. */
export const MAIN = "t"
const LIMIT = 20
const SOME_ID = "00000000-0000-7000-8000-000000000000"

export interface Statement {
  /** What of the definitions it belongs to. */
  readonly place: string
  readonly caller: string
  readonly query: Query
  readonly table: TableModel
  /** The condition on the rows of `table`. */
  readonly access: FilterNode
  /** The columns by which an index would serve it, those that `access` compares left out. */
  readonly keys: readonly SortKey[]
  /** How `table` is read: along an index in the order of `keys`, by a search alone, or as another statement tells. */
  readonly main: "ordered" | "searched" | "told elsewhere"
}

/** Equal texts come again and again, since many callers see the same. */
export function statementsOf(backend: Backend): Statement[] {
  const ofCallers = callersOf(backend.collections).flatMap(({ name, caller }) =>
    [...backend.collections.values()].flatMap((collection) =>
      [...lists(collection, caller), ...expansions(collection, caller), ...rulesOf(collection, caller)].map(
        (statement) => ({ ...statement, caller: name }),
      ),
    ),
  )
  return [...ofCallers, ...foreignKeys(backend)]
}

type Unnamed = Omit<Statement, "caller">

/** Each order both ways round, its first page and the pages beyond every kind of cursor. */
function lists(collection: Collection, caller: Caller): Unnamed[] {
  const { table } = collection
  const access = accessFilter(collection, "read", caller)
  if (isNever(access)) return []
  return sortsOf(collection, caller).flatMap((sort) =>
    [false, true].flatMap((reversed) =>
      pagesOf(sort).map((page) => ({
        place: `${collection.name}, sort ${sort.text}`,
        query: listQuery({ ...planOf(collection, access, sort), reversed, page }),
        table,
        access,
        keys: sort.keys,
        main: "ordered" as const,
      })),
    ),
  )
}

/** Each relation, and each relation of it, from a list and from a single record. */
function expansions(collection: Collection, caller: Caller): Unnamed[] {
  const access = accessFilter(collection, "read", caller)
  const [sort] = sortsOf(collection, caller)
  if (isNever(access) || !sort) return []
  return pathsOf(collection, MOST_EXPAND_LEVELS).flatMap((path) => {
    const projection = project(collection, caller, { fields: ["id"], expand: [path] })
    const statement = {
      place: `${collection.name}, expand ${path}`,
      table: collection.table,
      access,
      keys: sort.keys,
      main: "told elsewhere" as const,
    }
    return [
      { ...statement, query: getQuery(collection, access, SOME_ID, projection) },
      { ...statement, query: listQuery({ ...planOf(collection, access, sort), projection }) },
    ]
  })
}

/** A write finds its row by the id; what its rule asks of related rows is to be found as quickly. */
function rulesOf(collection: Collection, caller: Caller): Unnamed[] {
  return ACTIONS.flatMap((action) => {
    const access = accessFilter(collection, action, caller)
    if (access.type === "constant") return []
    return {
      place: `${collection.name}, access ${action}`,
      query: getQuery(collection, access, SOME_ID, onlyId(collection)),
      table: collection.table,
      access,
      keys: [],
      main: "told elsewhere",
    }
  })
}

/** The delete of a record looks for the rows that refer to it, whatever becomes of them. */
function foreignKeys(backend: Backend): Statement[] {
  return backend.tables.flatMap((table) => {
    const model = tableModel(table)
    return getTableConfig(table).foreignKeys.map((key) => {
      const { columns, foreignTable } = key.reference()
      const own = columns.map((column) => model.columns.find((candidate) => candidate.drizzle === column)!)
      const where = own.map((column, i) => `${MAIN}.${quote(column.name)} = ?${i + 1}`).join(" AND ")
      return {
        place: `${getTableName(foreignTable)}, delete (${model.name}.${own.map((column) => column.key).join(", ")} refers to it)`,
        caller: "everyone",
        query: { sql: `SELECT 1 FROM ${quote(model.name)} ${MAIN} WHERE ${where}`, params: own.map(() => SOME_ID) },
        table: model,
        access: ALWAYS,
        keys: own.map((column) => ({ column, descending: false })),
        main: "searched" as const,
      }
    })
  })
}

/** As in the engine: an order by a field that the caller can't see isn't offered, and without any there is `id`. */
function sortsOf(collection: Collection, caller: Caller): Sort[] {
  const visible = visibleColumns(collection, caller)
  const offered = collection.sorts.filter((sort) => sort.keys.every((key) => visible.includes(key.column)))
  if (offered.length > 0) return offered
  return [{ text: "id", keys: [{ column: collection.table.byKey.get("id")!, descending: false }] }]
}

function planOf(collection: Collection, access: FilterNode, sort: Sort): ListPlan {
  const projection = onlyId(collection)
  return {
    collection,
    access,
    filter: ALWAYS,
    search: undefined,
    sort,
    reversed: false,
    page: undefined,
    limit: LIMIT,
    projection,
    total: false,
  }
}

function onlyId(collection: Collection): Projection {
  return { columns: [collection.table.byKey.get("id")!], relations: [] }
}

/** A null in a cursor makes another condition than a value. */
function pagesOf({ keys }: Sort): ListPlan["page"][] {
  const cursors = keys.reduce<Stored[][]>(
    (heads, { column }) => heads.flatMap((head) => valuesOf(column).map((value) => [...head, value])),
    [[]],
  )
  const directions = ["after", "before"] as const
  return [undefined, ...directions.flatMap((direction) => cursors.map((values) => ({ direction, values })))]
}

function valuesOf(column: Column): Stored[] {
  const value = column.kind === "text" || column.kind === "bigint" ? "1" : 1
  return column.nullable ? [value, null] : [value]
}

function pathsOf(collection: Collection, levels: number): string[] {
  return [...collection.relations.values()].flatMap((relation) => {
    const next = levels > 1 ? reachable(relation) : undefined
    const deeper = next ? pathsOf(next, levels - 1).map((path) => `${relation.name}.${path}`) : []
    return [relation.name, ...deeper]
  })
}
