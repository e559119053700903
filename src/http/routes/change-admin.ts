/** `/v1/admin/changes`: what was written, by whoever it was. */

import type { Hono } from "hono"
import * as z from "zod"
import type { Collections } from "../../access/model.ts"
import { toChange } from "../../changes/read-change.ts"
import type { ChangeRow } from "../../core/change.ts"
import type { ResultRow } from "../../db/query.ts"
import type { Column } from "../../schema/columns.ts"
import type { TableModel } from "../../schema/table-model.ts"
import { toWire } from "../../schema/values.ts"
import type { AdminOptions } from "../admin/options.ts"
import { admin } from "../admin.ts"
import type { AppEnv } from "../context.ts"
import { endpoint } from "../endpoint.ts"
import { pageParameters, pageSchema, readPage } from "../keyset.ts"

const text = z.string().max(200)
const record = z.looseObject({}).nullable()

const changeSchema = z.object({
  seq: z.int(),
  collection: z.string(),
  recordId: z.string(),
  op: z.enum(["insert", "update", "delete"]),
  before: record,
  after: record,
  at: z.iso.datetime(),
})

export function changeAdminRoutes(app: Hono<AppEnv>, options: AdminOptions): void {
  app.get(
    "/v1/admin/changes",
    endpoint({
      summary: "List the changes",
      description:
        "Newest first, of the last week. `before` and `after` are whole records, hidden fields included; personal data of accounts is never among them. A table that is no collection is named as it is in the database, and so are its columns. A page holds at most 4 MB, so it may be shorter than `limit`. With a filter, changes are read one by one until the page is full.",
      access: admin,
      strict: true,
      query: z.object({
        ...pageParameters,
        collection: text.optional().describe("A collection, or a table that is none."),
        recordId: text.optional(),
      }),
      answer: { status: 200, description: "The changes", schema: pageSchema(changeSchema) },
    }),
    async (c) => {
      const { collections } = options.backend
      const { collection, recordId, ...query } = c.req.valid("query")
      const table = collection === undefined ? undefined : (collections.get(collection)?.table.name ?? collection)
      const listing = {
        from: "(SELECT seq AS id, * FROM _changes)",
        ids: "integer" as const,
        columns: 'id, seq, table_name, record_id, op, "before", "after", at',
        conditions: [
          ["table_name = ?", table],
          ["record_id = ?", recordId],
        ] as const,
        bytes: 'octet_length(concat("before", "after"))',
      }
      const namesOf = namedTables(collections)
      return c.json(await readPage(c.get("state").db, listing, query, (row) => toManagedChange(row, namesOf)))
    },
  )
}

type NamedTables = ReadonlyMap<string, { readonly name: string; readonly table: TableModel }>

function namedTables(collections: Collections): NamedTables {
  return new Map([...collections.values()].map((collection) => [collection.table.name, collection]))
}

function toManagedChange(row: ResultRow, names: NamedTables): z.output<typeof changeSchema> {
  const { table, before, after, at, ...change } = toChange(row)
  const collection = names.get(table)
  return {
    ...change,
    collection: collection?.name ?? table,
    before: toRecord(before, collection?.table),
    after: toRecord(after, collection?.table),
    at: new Date(at).toISOString(),
  }
}

function toRecord(row: ChangeRow | null, table: TableModel | undefined): Record<string, unknown> | null {
  if (!row || !table) return row
  const entries = Object.entries(row).map(([name, value]) => {
    const column = table.byName.get(name)
    return column ? [column.key, toValue(column, value)] : [name, value]
  })
  return Object.fromEntries(entries)
}

/** What was written before a migration may not fit the column of today. */
function toValue(column: Column, value: unknown): unknown {
  try {
    return toWire(column, value)
  } catch {
    return value
  }
}
