/** The parameters of collections: of the query string and of headers. */

import type { Collection } from "../../access/model.ts"
import { MOST_GROUPS, STANDARD_GROUPS } from "../../query/aggregate.ts"
import { AGGREGATE_PARAMETERS, LIST_PARAMETERS } from "../../query/parameters.ts"
import { LONGEST_SEARCH } from "../../query/search.ts"
import { MOST_PAGE_RECORDS, STANDARD_LIMIT } from "../../records/records.ts"
import type { Column } from "../../schema/columns.ts"
import { shownColumns } from "./audience.ts"
import type { Components, Json } from "./components.ts"
import { filterSchema, shownRelations, simpleFilterSchema } from "./filter-schemas.ts"

const OWN_NAMES: readonly string[] = [...LIST_PARAMETERS, ...AGGREGATE_PARAMETERS]

const text = (pattern?: string): Json => ({ type: "string", ...(pattern && { pattern }) })
/** Not `const`: pages that try requests would send it unasked. */
const only = (value: string): Json => text(`^${value}$`)
const query = (name: string, description: string, schema: Json): Json => ({ name, in: "query", description, schema })
const header = (name: string, description: string, schema: Json): Json => ({ name, in: "header", description, schema })

const idempotencyKey = header(
  "Idempotency-Key",
  "Makes a repeat safe: for 24 hours the same key and request get the first answer again. Keys are separate per caller.",
  { type: "string", minLength: 1, maxLength: 255, pattern: "^[\\x20-\\x7e]+$" },
)

/** `components.parameters`, by the names that `parameterRef` takes. */
export const SHARED_PARAMETERS = {
  id: {
    name: "id",
    in: "path",
    required: true,
    description: "The record's id. Text that is no id is answered like a record that isn't there: 404.",
    schema: { type: "string", format: "uuid" },
  },
  bookmark: header(
    "Selvedge-Bookmark",
    "The greatest bookmark that was answered so far; the answer is at least that fresh.",
    text(),
  ),
  ifMatch: header("If-Match", "Only if the record still has this `ETag`; `*` for any that exists.", text()),
  ifNoneMatch: header("If-None-Match", "304 without a body when the answer still has this `ETag`.", text()),
  createOnly: header("If-None-Match", "`*` only creates: 412 when the record exists.", only("\\*")),
  lastEventId: header(
    "Last-Event-ID",
    "With `Accept: text/event-stream`: the `id` of the last event, after which the stream goes on. Another query's, or one that is too old, brings a new snapshot.",
    text(),
  ),
  idempotencyKey,
  idempotencyKeyRequired: { ...idempotencyKey, required: true },
} satisfies Record<string, Json>

export function parameterRef(name: keyof typeof SHARED_PARAMETERS): Json {
  return { $ref: `#/components/parameters/${name}` }
}

export function selectionParameters(collection: Collection): Json[] {
  const columns = shownColumns(collection)
  const relations = shownRelations(collection).map((relation) => relation.name)
  const names = `Exactly these, separated by commas: ${listed(columns.map((column) => column.key))}`
  const through = relations.length > 0 ? `; a field of a relation, such as \`${relations[0]}.id\`, expands it` : ""
  return [
    query("fields", `${names}${through}.`, text()),
    ...(relations.length > 0
      ? [query("expand", `Relations, separated by commas, two levels deep: ${listed(relations)}.`, text())]
      : []),
  ]
}

export function listParameters(collection: Collection, components: Components): Json[] {
  const columns = shownColumns(collection)
  const orders = sortTexts(collection, columns)
  const searched = collection.search.filter((column) => columns.includes(column)).map((column) => column.key)
  return [
    ...simpleFilters(columns, components),
    {
      name: "filter",
      in: "query",
      description: "The whole filter language as JSON, relations included. Joined to simple filters by AND.",
      content: { "application/json": { schema: filterSchema(collection, components) } },
    },
    ...(searched.length > 0
      ? [
          query(
            "q",
            `Full-text search in ${listed(searched)}: all words, the last one as a beginning. Any text is safe.`,
            {
              type: "string",
              maxLength: LONGEST_SEARCH,
            },
          ),
        ]
      : []),
    ...(orders.length > 0
      ? [
          query(
            "sort",
            `The order, \`-\` for descending; \`id\` breaks ties, and null is the smallest value. Without it: ${searched.length > 0 ? "with `q` by rank, else " : ""}\`${orders[0]}\`.`,
            { type: "string", enum: orders },
          ),
        ]
      : []),
    query(
      "limit",
      `Records of a page: at most ${MOST_PAGE_RECORDS}, ${STANDARD_LIMIT} unless told. With \`aggregate\`, groups: at most ${MOST_GROUPS}, ${STANDARD_GROUPS} unless told.`,
      {
        type: "integer",
        minimum: 1,
        maximum: MOST_GROUPS,
      },
    ),
    query("after", "The cursor `page.next` of the page before. It fits the same sort and filter only.", text()),
    query("before", "The cursor `page.previous` of the page behind.", text()),
    ...selectionParameters(collection),
    query("count", "`exact` adds `page.total`, the number of all records that match.", only("exact")),
    query(
      "aggregate",
      "`count`, and `sum`, `avg`, `min` or `max` of a field, such as `count,avg(version)`. The answer is groups in place of records; goes with filters, `q`, `group` and `limit` only.",
      text(
        "^(count|(sum|avg|min|max)\\([A-Za-z][A-Za-z0-9]*\\))(,(count|(sum|avg|min|max)\\([A-Za-z][A-Za-z0-9]*\\)))*$",
      ),
    ),
    query(
      "group",
      "Fields, separated by commas, to group by; the most frequent group comes first. Needs `aggregate`.",
      text(),
    ),
  ]
}

/** A column that is named like a parameter goes through `filter`. */
function simpleFilters(columns: readonly Column[], components: Components): Json[] {
  return columns
    .filter((column) => !OWN_NAMES.includes(column.key))
    .map((column) => ({
      name: column.key,
      in: "query",
      style: "deepObject",
      explode: true,
      schema: simpleFilterSchema(column, components),
    }))
}

/** Every text that `sort` takes: what an order begins with, and the same turned round. */
function sortTexts(collection: Collection, columns: readonly Column[]): string[] {
  const declared = collection.sorts
    .filter((sort) => sort.keys.every((key) => columns.includes(key.column)))
    .map((sort) => sort.text.split(","))
  const turned = declared.map((keys) => keys.map((key) => (key.startsWith("-") ? key.slice(1) : `-${key}`)))
  const beginnings = [...declared, ...turned].flatMap((keys) => [
    keys.join(","),
    ...keys.slice(1).map((_, i) => keys.slice(0, i + 1).join(",")),
  ])
  return [...new Set(beginnings)]
}

function listed(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ")
}
