/** The records of a collection: whole, in part, and as bodies of writes. */

import type { Collection, ResolvedRelation } from "../../access/model.ts"
import { nobody } from "../../access/rules.ts"
import { reachable, visibleColumns, visibleThrough } from "../../access/visibility.ts"
import { ANONYMOUS } from "../../core/caller.ts"
import { MOST_RELATED } from "../../query/projection.ts"
import type { Column } from "../../schema/columns.ts"
import { RECORD_COLUMNS } from "../../schema/record-columns.ts"
import { audienceOf, isWritable, READER, routeAudience, shownColumns } from "./audience.ts"
import { answeredColumn, defaultValue, writtenColumn } from "./column-schemas.ts"
import { type Components, type Json, orNull, pascal } from "./components.ts"
import { shownRelations } from "./filter-schemas.ts"

/** `{ id, version }`: what a write answers when the caller may not read the record. */
export function writtenSchema(components: Components): Json {
  if (components.schemas.Written) return components.ref("Written")
  return components.add("Written", {
    type: "object",
    description: "All that is told of a record that the caller may not read as it is after the write.",
    properties: { id: { type: "string", format: "uuid" }, version: { type: "integer", minimum: 1 } },
    required: ["id", "version"],
    additionalProperties: false,
  })
}

export interface RecordSchemas {
  /** A record with all its fields. */
  readonly whole: Json
  /** What `fields` and `expand` make of it. */
  readonly part: Json
}

export function recordSchemas(collection: Collection, components: Components): RecordSchemas {
  const name = pascal(collection.name)
  const [whole, part] = [`${name}Record`, `${name}Selection`]
  if (!components.schemas[whole]) {
    const everyones = visibleColumns(collection, ANONYMOUS)
    const columns = shownColumns(collection)
    components.add(whole, {
      description: `A record of \`${collection.name}\`.`,
      allOf: [components.ref(part)],
      required: columns.filter((column) => everyones.includes(column)).map((column) => column.key),
    })
    const properties: Record<string, Json> = {}
    components.add(part, {
      type: "object",
      description: `A record of \`${collection.name}\` with the members that \`fields\` and \`expand\` choose.`,
      properties,
    })
    for (const column of columns) properties[column.key] = answered(collection, column)
    for (const relation of shownRelations(collection)) properties[relation.name] = related(relation, components)
  }
  return { whole: components.ref(whole), part: components.ref(part) }
}

export function createSchema(collection: Collection, components: Components): Json {
  const name = `${pascal(collection.name)}Create`
  const columns = shownColumns(collection).filter((column) => isWritable(collection, "create", column))
  return input(name, `A new record of \`${collection.name}\`.`, components, {
    properties: columns.map((column) => [
      column.key,
      noted(collection, column, { ...writtenColumn(collection, column, components), ...defaultValue(column) }),
    ]),
    required: columns.filter(isNeeded),
  })
}

export function patchSchema(collection: Collection, components: Components): Json {
  const name = `${pascal(collection.name)}Patch`
  const columns = shownColumns(collection).filter((column) => isWritable(collection, "update", column))
  const description = `The fields of a record of \`${collection.name}\` that change (JSON Merge Patch, RFC 7396).`
  return input(name, description, components, {
    properties: columns.map((column) => [
      column.key,
      noted(collection, column, writtenColumn(collection, column, components)),
    ]),
    required: [],
  })
}

export function replaceSchema(collection: Collection, components: Components): Json {
  const columns = shownColumns(collection)
  const writable = columns.filter((column) => isWritable(collection, "replace", column))
  const description = `A whole record of \`${collection.name}\`: what is left out becomes its default or null.`
  return input(`${pascal(collection.name)}Replace`, description, components, {
    properties: columns.map((column) => [
      column.key,
      writable.includes(column)
        ? noted(collection, column, { ...writtenColumn(collection, column, components), ...defaultValue(column) })
        : {
            ...answeredColumn(collection.table, column),
            description: "Kept. When sent, it must equal what is stored.",
          },
    ]),
    required: writable.filter(isNeeded),
  })
}

function answered(collection: Collection, column: Column): Json {
  const schema = answeredColumn(collection.table, column)
  const isWritten = (["create", "update"] as const).some((mode) => isWritable(collection, mode, column))
  return noted(collection, column, isWritten ? schema : { ...schema, readOnly: true })
}

/** Adds what the collection says about the column to its description. */
function noted(collection: Collection, column: Column, schema: Json): Json {
  const notes = schema.description === undefined ? [] : [schema.description]
  const target = collection.references.find((reference) => reference.column === column)?.collection
  if (target && audienceOf(target, "read")) notes.push(`Names a record of \`${target.name}\`.`)
  const { write, immutable } = collection.fields.get(column.key) ?? {}
  if (write && write !== nobody && !write(READER)) notes.push(`Written by some only: ${routeAudience(write).sentence}`)
  if (immutable) notes.push("Can't be changed once it is set.")
  return notes.length > 0 ? { ...schema, description: notes.join(" ") } : schema
}

function related(relation: ResolvedRelation, components: Components): Json {
  const to = reachable(relation)
  const record = to
    ? recordSchemas(to, components).part
    : {
        type: "object",
        properties: Object.fromEntries(
          visibleThrough(relation, READER).map((column) => [column.key, answeredColumn(relation.target, column)]),
        ),
      }
  const note = relation.many ? `Only when expanded; at most ${MOST_RELATED}, newest first.` : "Only when expanded."
  const schema = relation.many ? { type: "array", items: record } : orNull(record)
  return { ...schema, description: note, readOnly: true }
}

function isNeeded(column: Column): boolean {
  return !column.nullable && !column.hasDefault && !column.generated && !RECORD_COLUMNS.includes(column.key as never)
}

function input(
  name: string,
  description: string,
  components: Components,
  { properties, required }: { properties: (readonly [string, Json])[]; required: readonly Column[] },
): Json {
  return components.add(name, {
    type: "object",
    description,
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required: required.map((column) => column.key) }),
    additionalProperties: false,
  })
}
