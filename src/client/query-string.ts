/** A query object as the query string of a list. */

/** Keys of a query that are parameters; all others are conditions on columns. */
const PARAMETERS = [
  "filter",
  "sort",
  "limit",
  "fields",
  "expand",
  "q",
  "count",
  "after",
  "before",
  "aggregate",
  "group",
]

export type QueryObject = Readonly<Record<string, unknown>>

/** `?…`, or nothing for an empty query. Equal queries give equal texts. */
export function queryString(query: QueryObject): string {
  const parameters = new URLSearchParams()
  const conditions: QueryObject[] = []
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    if (name === "filter") conditions.push(value as QueryObject)
    else if (PARAMETERS.includes(name)) parameters.set(name, Array.isArray(value) ? value.join() : String(value))
    else if (isPlain(value)) parameters.set(name, String(value))
    else conditions.push({ [name]: value })
  }
  if (conditions.length > 0)
    parameters.set("filter", jsonText(conditions.length === 1 ? conditions[0] : { and: conditions }))
  parameters.sort()
  const text = parameters.toString()
  return text === "" ? "" : `?${text}`
}

/** Whether the value means the same in a query string; other text might be read as a list, or as null. */
function isPlain(value: unknown): boolean {
  return typeof value === "string" ? /^[\w-]+$/.test(value) && value !== "null" : Object(value) !== value
}

/** The conditions of a query as one filter, as JSON has it. */
export function filterOf(query: QueryObject): QueryObject {
  const columns = Object.entries(query).filter(([name, value]) => value !== undefined && !PARAMETERS.includes(name))
  const own = Object.fromEntries(columns)
  return JSON.parse(jsonText(query.filter === undefined ? own : { and: [own, query.filter] }))
}

/** Big numbers as text, as the API takes them; times are RFC 3339 by themselves. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part))
}
