/** A column as a zod schema: what a body is checked with, and what the OpenAPI document shows. */

import * as z from "zod"
import type { Column } from "./columns.ts"

const schemas = new WeakMap<Column, z.ZodType>()

/** The schema of a value that is not null. */
export function fieldSchema(column: Column): z.ZodType {
  const known = schemas.get(column)
  if (known) return known
  const schema = build(column)
  schemas.set(column, schema)
  return schema
}

function build(column: Column): z.ZodType {
  switch (column.kind) {
    case "text": {
      if (column.choices) return z.enum(column.choices as [string, ...string[]])
      return column.maxLength === undefined ? z.string() : z.string().max(column.maxLength)
    }
    case "integer":
      return z.int()
    case "real":
      return z.number()
    case "boolean":
      return z.boolean()
    case "timestamp":
      return z.string().meta({ format: "date-time" })
    case "bigint":
      return z.string().regex(/^-?\d{1,19}$/, "must be a whole number as text")
    case "blob":
      return z
        .string()
        .regex(/^[A-Za-z0-9_-]*$/, "must be base64url text")
        .meta({ contentEncoding: "base64url" })
    case "json":
      return z.json()
  }
}
