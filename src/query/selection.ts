/** `fields` and `expand`, checked against what the caller may see. */

import type { Collection, ResolvedRelation } from "../access/model.ts"
import { reachable, visibleColumns, visibleRelation, visibleRows, visibleThrough } from "../access/visibility.ts"
import type { Caller } from "../core/caller.ts"
import { invalidQuery } from "../core/problem.ts"
import type { Column } from "../schema/columns.ts"
import type { Projection, RelationProjection } from "./projection.ts"

export const MOST_EXPAND_LEVELS = 2
const MOST_NAMES = 200

export interface Selection {
  readonly fields?: readonly string[] | undefined
  readonly expand?: readonly string[] | undefined
}

/** The columns and relations named on one level. */
interface Wanted {
  /** Undefined: all that the caller may see. */
  columns: Set<Column> | undefined
  readonly relations: Map<ResolvedRelation, Wanted>
}

interface Level {
  readonly columns: readonly Column[]
  readonly collection: Collection | undefined
}

/** @throws SelvedgeError `invalid_query` for a field or relation that isn't there for the caller. */
export function project(collection: Collection, caller: Caller, { fields, expand }: Selection): Projection {
  const columns = visibleColumns(collection, caller)
  if (!fields && !expand) return { columns, relations: [] }
  if ((fields?.length ?? 0) + (expand?.length ?? 0) > MOST_NAMES)
    throw invalidQuery("fields", `names more than ${MOST_NAMES} things`)
  const root: Level = { columns, collection }
  const wanted: Wanted = { columns: undefined, relations: new Map() }
  for (const path of expand ?? []) addRelation(wanted, root, path, path.split("."), caller)
  for (const path of fields ?? []) addField(wanted, root, path, path.split("."), caller)
  return compile(root, wanted, caller)
}

function addRelation(wanted: Wanted, level: Level, path: string, names: readonly string[], caller: Caller): void {
  if (names.length > MOST_EXPAND_LEVELS)
    throw invalidQuery("expand", `"${path}" is deeper than ${MOST_EXPAND_LEVELS} levels`)
  let [here, at] = [wanted, level]
  for (const name of names) {
    const relation = visibleRelation(at.collection, name, caller)
    if (!relation) throw invalidQuery("expand", `there is no relation "${path}"`)
    here = enter(here, relation)
    at = levelOf(relation, caller)
  }
}

/** The first field that is named on a level leaves out all that aren't. */
function addField(wanted: Wanted, level: Level, path: string, names: readonly string[], caller: Caller): void {
  if (names.length > MOST_EXPAND_LEVELS + 1)
    throw invalidQuery("fields", `"${path}" is deeper than ${MOST_EXPAND_LEVELS} relations`)
  const [name, ...rest] = names
  const column = rest.length === 0 && level.columns.find((candidate) => candidate.key === name)
  if (column) {
    wanted.columns ??= new Set()
    wanted.columns.add(column)
    return
  }
  const relation = visibleRelation(level.collection, name!, caller)
  if (!relation) throw invalidQuery("fields", `there is no field "${path}"`)
  wanted.columns ??= new Set()
  const inner = enter(wanted, relation)
  if (rest.length > 0) addField(inner, levelOf(relation, caller), path, rest, caller)
}

function enter(wanted: Wanted, relation: ResolvedRelation): Wanted {
  const known = wanted.relations.get(relation)
  if (known) return known
  const inner: Wanted = { columns: undefined, relations: new Map() }
  wanted.relations.set(relation, inner)
  return inner
}

function levelOf(relation: ResolvedRelation, caller: Caller): Level {
  return { columns: visibleThrough(relation, caller), collection: reachable(relation) }
}

function compile(level: Level, wanted: Wanted, caller: Caller): Projection {
  const { columns } = wanted
  return {
    columns: columns ? level.columns.filter((column) => columns.has(column)) : level.columns,
    relations: [...wanted.relations].map(
      ([relation, inner]): RelationProjection => ({
        relation,
        visible: visibleRows(relation, caller),
        newest: newestFirst(relation, caller),
        projection: compile(levelOf(relation, caller), inner, caller),
      }),
    ),
  }
}

function newestFirst({ collection, target }: ResolvedRelation, caller: Caller): Column[] {
  const columns = collection ? visibleColumns(collection, caller) : target.columns
  return ["createdAt", "id"].flatMap((key) => columns.find((column) => column.key === key) ?? [])
}
