/** The parts of the document that others refer to. */

export type Json = Record<string, unknown>

export class Components {
  readonly schemas: Record<string, Json> = {}

  schemaRef(name: string): string {
    return `#/components/schemas/${name}`
  }

  ref(name: string): Json {
    return { $ref: this.schemaRef(name) }
  }

  /** @returns A reference to it. */
  add(name: string, schema: Json): Json {
    this.schemas[name] = schema
    return this.ref(name)
  }
}

/** A schema that takes null as well. */
export function orNull(schema: Json): Json {
  if (Object.keys(schema).length === 0) return schema
  if (typeof schema.type !== "string" || "const" in schema) return { anyOf: [schema, { type: "null" }] }
  const choices = Array.isArray(schema.enum) ? { enum: [...schema.enum, null] } : {}
  return { ...schema, type: [schema.type, "null"], ...choices }
}

export function pascal(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
