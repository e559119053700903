/** The collections of a backend, checked against their tables and tied to each other. */

import type { SQLiteTable } from "drizzle-orm/sqlite-core"
import type * as z from "zod"
import { ANONYMOUS, type Caller } from "../core/caller.ts"
import type { Column } from "../schema/columns.ts"
import { RECORD_COLUMNS } from "../schema/record-columns.ts"
import type { Relation } from "../schema/relations.ts"
import { type TableModel, tableModel } from "../schema/table-model.ts"
import { type CachePolicy, cachePolicy } from "./cache-policy.ts"
import type { Action, CollectionDefinition, FieldOptions, InputSchema, WriteJobs } from "./collection.ts"
import type { CollectionLimits } from "./limit-use.ts"

export const ACTIONS = ["read", "create", "update", "delete"] as const
const WRITES: readonly string[] = ["create", "update", "delete"]
/** Keys of one order, `id` not counted. */
const MOST_SORT_KEYS = 4
/** Paths under `/v1` that are the engine's own. */
export const RESERVED_NAMES = ["auth", "admin", "batch", "live", "health"]
const NAME = /^[a-z][A-Za-z0-9]*$/
const FILTER_WORDS = ["and", "or", "not"]
/** Kinds that have an order which SQL and JavaScript agree on. */
const ORDERED_KINDS = ["text", "integer", "real", "boolean", "timestamp", "bigint"]

/** A rule as the engine calls it: the filter is checked when it is parsed. */
export type AnyRule = (caller: Caller) => unknown

export interface SortKey {
  readonly column: Column
  readonly descending: boolean
}

export interface Sort {
  /** As declared, such as `-rating,title`. */
  readonly text: string
  /** Ends with `id`, in the direction of the last declared key. */
  readonly keys: readonly SortKey[]
}

export interface ResolvedRelation {
  readonly name: string
  readonly many: boolean
  readonly target: TableModel
  /** The collection of the target table; without one, only `fields` can be seen. */
  readonly collection: Collection | undefined
  readonly fields: ReadonlySet<string> | undefined
  /** The rows are tied by `target.{targetColumn} = own.{ownColumn}`. */
  readonly ownColumn: Column
  readonly targetColumn: Column
}

/** A foreign key over one column, and the collection that it leads to. */
export interface ResolvedReference {
  readonly column: Column
  readonly target: TableModel
  /** The SQL name of the column that is referred to. */
  readonly targetName: string
  readonly collection: Collection | undefined
}

export interface Collection {
  readonly name: string
  readonly table: TableModel
  readonly access: Readonly<Record<Action, AnyRule | undefined>>
  readonly fields: ReadonlyMap<string, FieldOptions>
  readonly stamps: ReadonlyMap<string, (caller: Caller) => unknown>
  readonly relations: ReadonlyMap<string, ResolvedRelation>
  readonly references: readonly ResolvedReference[]
  readonly sorts: readonly Sort[]
  readonly search: readonly Column[]
  /** Each gives the same schema every time. */
  readonly input: ReadonlyMap<string, () => z.ZodType>
  /** What writes enqueue. */
  readonly jobs: WriteJobs<SQLiteTable>
  readonly ifMatchRequired: boolean
  /** Whether the caller is asked for in the database before anything is read or written. */
  readonly strict: boolean
  /** Whether its lists can be subscribed to. */
  readonly live: boolean
  /** Undefined where nothing is kept. */
  readonly cache: CachePolicy | undefined
  readonly limit: CollectionLimits
}

export type Collections = ReadonlyMap<string, Collection>

/** @throws TypeError that names the collection, what is wrong there and how to mend it. */
export function compileCollections(definitions: Readonly<Record<string, CollectionDefinition>>): Collections {
  const collections = new Map<string, ReturnType<typeof compileCollection>>()
  const byTable = new Map<SQLiteTable, Collection>()
  for (const [name, definition] of Object.entries(definitions)) {
    const compiled = compileCollection(name, definition)
    const twin = byTable.get(definition.table)
    if (twin) fail(name, `its table is already exposed as ${twin.name}`, "expose each table once")
    collections.set(name, compiled)
    byTable.set(definition.table, compiled)
  }
  for (const collection of collections.values()) {
    for (const { column, target, targetName } of collection.table.references) {
      collection.references.push({ column, target: tableModel(target), targetName, collection: byTable.get(target) })
    }
    for (const [name, relation] of Object.entries(definitions[collection.name]!.relations)) {
      collection.relations.set(name, resolveRelation(collection, name, relation, byTable))
    }
  }
  spreadStrictness([...collections.values()])
  for (const collection of collections.values()) requireCacheable(collection)
  return collections
}

function compileCollection(name: string, { table, options }: CollectionDefinition) {
  if (!NAME.test(name)) fail(name, "the name is not camelCase letters and digits", "rename the collection")
  if (RESERVED_NAMES.includes(name)) fail(name, "the name is reserved for the engine", "rename the collection")
  const model = tableModel(table)
  if (!model.isRecord) {
    fail(name, `the table ${model.name} lacks ${RECORD_COLUMNS.join(", ")}`, "spread recordColumns() into its columns")
  }
  for (const column of model.columns) {
    if (FILTER_WORDS.includes(column.key))
      fail(`${name}.${column.key}`, "the word belongs to the filter language", "rename the column")
  }
  const column = (place: string, key: string): Column =>
    model.byKey.get(key) ??
    fail(
      `${name}.${place}`,
      `the table ${model.name} has no column ${key}`,
      `choose one of ${[...model.byKey.keys()].join(", ")}`,
    )
  const named = <V>(place: string, entries: Readonly<Record<string, V | undefined>> | undefined) =>
    new Map(
      Object.entries(entries ?? {}).flatMap(([key, value]) => {
        if (RECORD_COLUMNS.includes(column(place, key).key as never) && place !== "fields") {
          fail(`${name}.${place}.${key}`, "the server alone sets this column", "leave it out")
        }
        return value === undefined ? [] : [[key, value] as const]
      }),
    )
  for (const action of Object.keys(options.access)) {
    if (!ACTIONS.includes(action as Action))
      fail(`${name}.access.${action}`, "there is no such action", `use ${ACTIONS.join(", ")}`)
  }
  for (const [action, jobs] of Object.entries(options.jobs ?? {})) {
    if (!WRITES.includes(action) || typeof jobs !== "function")
      fail(`${name}.jobs.${action}`, "it is no function of a write", `give functions for ${WRITES.join(", ")}`)
  }
  const fields = named<FieldOptions>("fields", options.fields)
  if (fields.get("id")?.read) fail(`${name}.fields.id`, "every record shows its id", "take the rule away")
  return {
    name,
    table: model,
    access: {
      read: options.access.read,
      create: options.access.create,
      update: options.access.update,
      delete: options.access.delete,
    },
    fields,
    stamps: named("stamp", options.stamp as Record<string, (caller: Caller) => unknown>),
    relations: new Map<string, ResolvedRelation>(),
    references: [] as ResolvedReference[],
    sorts: compileSorts(name, model, options.sorts ?? [], column),
    search: (options.search ?? []).map((key) => {
      const found = column("search", key)
      return found.kind === "text"
        ? found
        : fail(`${name}.search`, `${key} holds ${found.kind}, not text`, "search text columns only")
    }),
    input: new Map([...named<InputSchema>("input", options.input)].map(([key, schema]) => [key, once(schema)])),
    jobs: options.jobs ?? {},
    ifMatchRequired: options.ifMatch === "required",
    strict: options.strict === true,
    live: isLive(name, options),
    cache: options.cache && cachePolicy(`${name}.cache`, options.cache),
    limit: options.limit ?? {},
  }
}

function isLive(name: string, { live = false, access }: CollectionDefinition["options"]): boolean {
  if (typeof live !== "boolean") fail(`${name}.live`, `${live} says neither yes nor no`, "write live: true")
  if (live && !access.read) fail(`${name}.live`, "nobody may read the collection", "add a rule for reading")
  return live
}

/** Made at its first use. */
export function once(schema: InputSchema): () => z.ZodType {
  if (typeof schema !== "function") return () => schema
  let made: z.ZodType | undefined
  return () => {
    made ??= schema()
    return made
  }
}

function compileSorts(
  name: string,
  model: TableModel,
  texts: readonly string[],
  column: (place: string, key: string) => Column,
): Sort[] {
  const id = model.byKey.get("id")!
  if (texts.length === 0) return [{ text: "id", keys: [{ column: id, descending: false }] }]
  return texts.map((text) => {
    const keys = text.split(",").map((part): SortKey => {
      const key = part.replace(/^-/, "")
      const found = column(`sorts "${text}"`, key)
      if (!ORDERED_KINDS.includes(found.kind))
        fail(`${name}.sorts "${text}"`, `${key} holds ${found.kind}, which has no order`, "sort by another column")
      return { column: found, descending: part.startsWith("-") }
    })
    if (keys.length > MOST_SORT_KEYS)
      fail(`${name}.sorts "${text}"`, `it has more than ${MOST_SORT_KEYS} keys`, "leave some out")
    if (new Set(keys.map((key) => key.column)).size < keys.length)
      fail(`${name}.sorts "${text}"`, "a column stands twice", "leave one out")
    const last = keys.at(-1)!
    return {
      text,
      keys: keys.some((key) => key.column === id) ? keys : [...keys, { column: id, descending: last.descending }],
    }
  })
}

function resolveRelation(
  collection: Collection,
  name: string,
  relation: Relation,
  byTable: Map<SQLiteTable, Collection>,
): ResolvedRelation {
  const place = `${collection.name}.relations.${name}`
  if (!NAME.test(name)) fail(place, "the name is not camelCase letters and digits", "rename the relation")
  if (FILTER_WORDS.includes(name)) fail(place, "the word belongs to the filter language", "rename the relation")
  if (collection.table.byKey.has(name)) fail(place, "a column has the same name", "rename the relation")
  const own = collection.table
  const target = tableModel(relation.table)
  const [from, to] = relation.many ? [target, own] : [own, target]
  const keys = from.references.filter(
    (key) => key.target === to.table && (!relation.key || key.column.key === relation.key),
  )
  if (keys.length !== 1) {
    const wanted = relation.key
      ? `no foreign key ${from.name}.${relation.key}`
      : keys.length === 0
        ? "no foreign key"
        : "more than one foreign key"
    const mend =
      keys.length === 0
        ? `add .references(() => …) to a column of ${from.name}`
        : `name one with { key: "${keys[0]!.column.key}" }`
    fail(place, `${wanted} leads from ${from.name} to ${to.name}`, mend)
  }
  const key = keys[0]!
  const referred = to.byName.get(key.targetName)!
  const related = byTable.get(relation.table)
  if (!related && !relation.fields) {
    fail(
      place,
      `the table ${target.name} is no collection, so nothing says what may be seen of it`,
      'name the fields: { fields: ["id", …] }',
    )
  }
  for (const field of relation.fields ?? []) {
    if (!target.byKey.has(field))
      fail(
        `${place}.fields`,
        `the table ${target.name} has no column ${field}`,
        `choose from ${[...target.byKey.keys()].join(", ")}`,
      )
  }
  return {
    name,
    many: relation.many,
    target,
    collection: related,
    fields: relation.fields && new Set(relation.fields),
    ownColumn: relation.many ? referred : key.column,
    targetColumn: relation.many ? key.column : referred,
  }
}

/** What leads to strict records shows them, and can be filtered by what is in them. */
function spreadStrictness(collections: readonly ReturnType<typeof compileCollection>[]): void {
  const next = collections.find(
    ({ strict, relations }) => !strict && [...relations.values()].some((relation) => relation.collection?.strict),
  )
  if (!next) return
  next.strict = true
  spreadStrictness(collections)
}

function requireCacheable({ name, cache, access, strict }: Collection): void {
  if (!cache) return
  if (strict)
    fail(`${name}.cache`, "the collection is strict, so each request asks the database", "leave one of them out")
  if (access.read?.(ANONYMOUS) !== true)
    fail(`${name}.cache`, "the rule for reading isn't simply true for everybody", "write read: anyone, or leave it out")
}

function fail(place: string, fault: string, mend: string): never {
  throw new TypeError(`${place}: ${fault}; ${mend}`)
}
