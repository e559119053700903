/** Lists of the engine's own tables: newest first, in pages by key, as collections page theirs. */

import * as z from "zod"
import { hashText } from "../core/hash.ts"
import { invalidQuery } from "../core/problem.ts"
import type { Database } from "../db/database.ts"
import type { ResultRow } from "../db/query.ts"
import { decodeCursor, encodeCursor } from "../query/cursor.ts"
import type { Stored } from "../schema/values.ts"

const STANDARD_LIMIT = 20
const MOST_OF_PAGE = 100
/** Of wide rows, a page holds as many as stay under it, and one whatever its size. */
const PAGE_BYTES = 4_000_000

const cursor = z.string().optional()

/** The parameters that every such list takes. */
export const pageParameters = {
  limit: z.coerce.number().int().min(1).max(MOST_OF_PAGE).default(STANDARD_LIMIT),
  after: cursor.describe("The `page.next` of a list."),
  before: cursor.describe("The `page.previous` of a list."),
}

export function pageSchema<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    page: z.object({ next: z.string().nullable(), previous: z.string().nullable() }),
  })
}

export interface PageQuery {
  readonly limit: number
  readonly after?: string | undefined
  readonly before?: string | undefined
}

/** What a list selects: rows of a table by its column `id`. */
export interface Listing {
  /** SQL of the table, with its alias. */
  readonly from: string
  /** What `id` holds. */
  readonly ids: "text" | "integer"
  /** SQL of the columns; `id` is among them. */
  readonly columns: string
  /** Conditions as SQL, alone or with one parameter; where that is undefined, the condition is left out. */
  readonly conditions: readonly (readonly [sql: string, value?: unknown])[]
  /** SQL of the bytes of a row, where rows may be wide; pages may then be shorter than asked for. */
  readonly bytes?: string
}

/** @throws SelvedgeError `invalid_query` for a cursor of another list. */
export async function readPage<T>(
  db: Database,
  listing: Listing,
  { limit, after, before }: PageQuery,
  toItem: (row: ResultRow) => T,
): Promise<{ data: T[]; page: { next: string | null; previous: string | null } }> {
  const { from, ids, conditions } = listing
  if (after !== undefined && before !== undefined) throw invalidQuery("before", "can't stand beside after")
  const wanted = conditions.filter((condition) => condition.length === 1 || condition[1] !== undefined)
  const hash = hashText(JSON.stringify([from, wanted]))
  const backward = before !== undefined
  const text = after ?? before
  const position =
    text === undefined
      ? undefined
      : decodeCursor(backward ? "before" : "after", text, [{ column: { kind: ids, nullable: false } }], hash)[0]
  const where = [
    ...wanted.map(([sql]) => sql),
    ...(position === undefined ? [] : [`id ${backward ? ">" : "<"} ?`]),
  ].join(" AND ")
  // one row more than the limit tells that there is a further page
  const rows = await db.read({
    sql: pageSql(listing, where && `WHERE ${where}`, backward ? "ASC" : "DESC"),
    params: [...wanted.flatMap(([, ...value]) => value), ...(position === undefined ? [] : [position]), limit + 1],
  })
  const shown = rows.slice(0, limit)
  const more = ((rows[0]?.found as number | undefined) ?? rows.length) > shown.length
  if (backward) shown.reverse()
  const at = (row: ResultRow | undefined) => (row ? encodeCursor([row.id as Stored], hash) : null)
  return {
    data: shown.map(toItem),
    page: {
      next: backward || more ? at(shown.at(-1)) : null,
      previous: (backward ? more : position !== undefined) ? at(shown[0]) : null,
    },
  }
}

function pageSql({ from, columns, bytes }: Listing, where: string, direction: "ASC" | "DESC"): string {
  const order = `ORDER BY id ${direction}`
  const page = (more = "") => `SELECT ${columns}${more} FROM ${from} ${where} ${order} LIMIT ?`
  if (bytes === undefined) return page()
  const ahead = `sum(bytes) OVER (${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)`
  return `SELECT * FROM (SELECT *, count(*) OVER () AS found, ${ahead} AS ahead FROM (${page(`, ${bytes} AS bytes`)}))
WHERE (ahead < ${PAGE_BYTES}) IS NOT FALSE ${order}`
}
