/** The filter language: as JSON in `filter`, and as `field[operator]` in the URL. */

import { MOST_FILTER_CONDITIONS, MOST_LIST_VALUES } from "../../access/filter.ts"
import type { Collection, ResolvedRelation } from "../../access/model.ts"
import { reachable, visibleThrough } from "../../access/visibility.ts"
import type { Column, ColumnKind } from "../../schema/columns.ts"
import { audienceOf, READER, shownColumns } from "./audience.ts"
import { type Components, type Json, orNull, pascal } from "./components.ts"

const VALUE: Record<ColumnKind, Json> = {
  text: { type: "string" },
  integer: { type: "number" },
  real: { type: "number" },
  boolean: { type: "boolean" },
  timestamp: { type: "string", format: "date-time" },
  bigint: { type: "string", pattern: "^-?\\d{1,19}$" },
  blob: { type: "string", contentEncoding: "base64url" },
  json: { type: "null" },
}
const KIND_NAMES: Record<ColumnKind, string> = {
  text: "Text",
  integer: "Number",
  real: "Number",
  boolean: "Boolean",
  timestamp: "Timestamp",
  bigint: "Bigint",
  blob: "Bytes",
  json: "Json",
}
const UNORDERED: readonly ColumnKind[] = ["blob", "json"]

/** The schema of `filter`, and of every filter behind its relations. */
export function filterSchema(collection: Collection, components: Components): Json {
  return scopeSchema(`${pascal(collection.name)}Filter`, shownColumns(collection), collection, components)
}

/** The schema of a simple filter: a value, or operators in brackets. */
export function simpleFilterSchema(column: Column, components: Components): Json {
  const name = `${KIND_NAMES[column.kind]}Parameter`
  if (!components.schemas[name]) {
    const value = VALUE[column.kind]
    const plain = column.kind === "text" ? [value] : column.kind === "json" ? [NULL_TEXT] : [value, NULL_TEXT]
    const equal = plain.length === 1 ? plain[0]! : { anyOf: plain }
    const list = { type: "string", description: "Values, separated by commas." }
    const operators = operatorSchemas(column.kind, equal, value, list)
    if (column.kind === "json") operators.has = { type: "string", description: "A text in the list." }
    components.add(name, {
      anyOf: [...plain, { type: "object", properties: operators, additionalProperties: false, minProperties: 1 }],
    })
  }
  return components.ref(name)
}

const NULL_TEXT: Json = { const: "null" }

function scopeSchema(
  name: string,
  columns: readonly Column[],
  collection: Collection | undefined,
  components: Components,
): Json {
  const self = components.ref(name)
  if (components.schemas[name]) return self
  const properties: Record<string, Json> = {}
  components.add(name, {
    type: "object",
    description: `All that is named must hold. At most ${MOST_FILTER_CONDITIONS} conditions in all.`,
    properties,
    additionalProperties: false,
  })
  const parts = { type: "array", items: self, maxItems: MOST_FILTER_CONDITIONS }
  Object.assign(properties, { and: parts, or: parts, not: self })
  for (const column of columns) properties[column.key] = conditionSchema(column.kind, components)
  for (const relation of shownRelations(collection)) {
    const inner = scopeSchema(
      reachable(relation) ? `${pascal(relation.collection!.name)}Filter` : `${name}${pascal(relation.name)}`,
      visibleThrough(relation, READER),
      reachable(relation),
      components,
    )
    properties[relation.name] = relation.many ? quantified(inner) : inner
  }
  return self
}

/** Relations whose records someone may read. */
export function shownRelations(collection: Collection | undefined): ResolvedRelation[] {
  return [...(collection?.relations.values() ?? [])].filter(
    (relation) => !relation.collection || audienceOf(relation.collection, "read"),
  )
}

function quantified(inner: Json): Json {
  return {
    type: "object",
    properties: { some: inner, none: inner, every: inner },
    additionalProperties: false,
    minProperties: 1,
  }
}

function conditionSchema(kind: ColumnKind, components: Components): Json {
  const name = `${KIND_NAMES[kind]}Condition`
  if (!components.schemas[name]) {
    const value = VALUE[kind]
    const nullable = kind === "json" ? value : orNull(value)
    const operators = operatorSchemas(kind, nullable, value, {
      type: "array",
      items: value,
      maxItems: MOST_LIST_VALUES,
    })
    components.add(name, {
      description: "A value that is equal, or operators that must all hold.",
      anyOf: [nullable, { type: "object", properties: operators, additionalProperties: false, minProperties: 1 }],
    })
  }
  return components.ref(name)
}

function operatorSchemas(kind: ColumnKind, equal: Json, value: Json, list: Json): Record<string, Json> {
  const text = { type: "string" }
  return {
    eq: equal,
    ne: equal,
    ...(!UNORDERED.includes(kind) && { gt: value, gte: value, lt: value, lte: value }),
    ...(kind !== "json" && { in: list, notIn: list }),
    ...(kind === "text" && { contains: text, startsWith: text }),
    ...(kind === "json" && { has: { type: ["string", "number", "boolean"], description: "An item of the list." } }),
  }
}
