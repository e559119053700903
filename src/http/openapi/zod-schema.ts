/** zod schemas as JSON Schema that fits into an OpenAPI document. */

import * as z from "zod"
import type { Components, Json } from "./components.ts"

/**
 * What a client sends. Schemas that refer to themselves become components, since `#` would mean the document.
 * @param name Of the component, should one be needed.
 */
export function zodSchema(schema: z.ZodType, name: string, components: Components): Json {
  const {
    $schema: _,
    $defs,
    ...root
  } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Json & {
    $defs?: Record<string, Json>
  }
  const nameOf = (definition: string) => `${name}${definition.replace(/[^A-Za-z0-9]/g, "")}`
  const refersToRoot = JSON.stringify(root).includes('"$ref":"#"')
  const adjust = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(adjust)
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
        if (key === "$ref" && typeof item === "string") {
          return [[key, components.schemaRef(item === "#" ? name : nameOf(item.replace("#/$defs/", "")))]]
        }
        // every whole number has these bounds
        if ((key === "maximum" || key === "minimum") && Math.abs(item as number) === Number.MAX_SAFE_INTEGER) return []
        return [[key, adjust(item)]]
      }),
    )
  }
  for (const [definition, content] of Object.entries($defs ?? {}))
    components.schemas[nameOf(definition)] = adjust(content) as Json
  const adjusted = adjust(root) as Json
  if (!refersToRoot) return adjusted
  components.schemas[name] = adjusted
  return { $ref: components.schemaRef(name) }
}
