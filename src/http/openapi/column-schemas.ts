/** What one column looks like on the wire, in answers and in bodies. */

import type { Collection } from "../../access/model.ts"
import { type Column, defaultOf } from "../../schema/columns.ts"
import { fieldSchema } from "../../schema/field-schema.ts"
import type { TableModel } from "../../schema/table-model.ts"
import { toStored, toWire } from "../../schema/values.ts"
import { type Components, type Json, orNull, pascal } from "./components.ts"
import { zodSchema } from "./zod-schema.ts"

const UUID = { type: "string", format: "uuid" }

/** As it stands in an answer. Rules of new input don't bind rows that are there already. */
export function answeredColumn(table: TableModel, column: Column): Json {
  const schema = isId(table, column) ? UUID : plainSchema(column)
  return column.nullable ? orNull(schema) : schema
}

/** As a body may give it. */
export function writtenColumn(collection: Collection, column: Column, components: Components): Json {
  const own = collection.input.get(column.key)?.()
  const name = `${pascal(collection.name)}${pascal(column.key)}`
  const schema = own
    ? zodSchema(own, name, components)
    : isId(collection.table, column)
      ? UUID
      : column.kind === "json"
        ? {}
        : zodSchema(fieldSchema(column), name, components)
  return column.nullable ? orNull(schema) : schema
}

/** The value of a column that is left out, where it is the same for every row. */
export function defaultValue(column: Column): { default?: unknown } {
  if (column.drizzle.defaultFn) return {}
  const standard = defaultOf(column)
  if (!standard || !("value" in standard) || standard.value === null) return {}
  if (column.kind === "json") return { default: standard.value }
  const result = toStored(column, standard.value)
  return "fault" in result ? {} : { default: toWire(column, result.stored) }
}

/** Whether it holds the id of a record, its own or another's. */
export function isId(table: TableModel, column: Column): boolean {
  return (
    column.key === "id" ||
    table.references.some((reference) => reference.column === column && reference.targetName === "id")
  )
}

function plainSchema(column: Column): Json {
  switch (column.kind) {
    case "text":
      return column.choices ? { type: "string", enum: column.choices } : { type: "string" }
    case "integer":
      return { type: "integer" }
    case "real":
      return { type: "number" }
    case "boolean":
      return { type: "boolean" }
    case "timestamp":
      return { type: "string", format: "date-time" }
    case "bigint":
      return { type: "string", pattern: "^-?\\d{1,19}$" }
    case "blob":
      return { type: "string", contentEncoding: "base64url" }
    case "json":
      return {}
  }
}
