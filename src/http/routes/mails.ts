/** `/v1/admin/mails`: what the mail catcher holds, in local work. */

import type { Hono } from "hono"
import * as z from "zod"
import { invalidQuery, SelvedgeError } from "../../core/problem.ts"
import type { Query, ResultRow } from "../../db/query.ts"
import { decodeCursor, encodeCursor, hashText } from "../../query/cursor.ts"
import { isId } from "../../records/read.ts"
import { mails } from "../../schema/engine-tables.ts"
import { tableModel } from "../../schema/table-model.ts"
import { admin } from "../admin.ts"
import type { AppEnv } from "../context.ts"
import { endpoint } from "../endpoint.ts"
import { methodNotAllowed } from "../methods.ts"

const STANDARD_LIMIT = 20
const MOST_MAILS_OF_PAGE = 100
const LONGEST_ADDRESS = 254

const cursor = z.string().optional()
const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MOST_MAILS_OF_PAGE).default(STANDARD_LIMIT),
  after: cursor.describe("The `page.next` of a list."),
  before: cursor.describe("The `page.previous` of a list."),
  to: z.string().max(LONGEST_ADDRESS).optional().describe("Only mails to this address."),
})
type ListQuery = z.output<typeof listQuery>

const summary = z.object({
  id: z.uuid(),
  at: z.iso.datetime(),
  to: z.string(),
  purpose: z.string(),
  subject: z.string(),
})
type Summary = z.output<typeof summary>
const page = z.object({ next: z.string().nullable(), previous: z.string().nullable() })

const list = endpoint({
  summary: "List the mails that were caught",
  description: "Newest first; the newest 500 are kept. There is nothing here where mail is really sent.",
  access: admin,
  query: listQuery,
  answer: { status: 200, description: "The mails", schema: z.object({ data: z.array(summary), page }) },
})
const get = endpoint({
  summary: "Read a mail that was caught",
  access: admin,
  answer: { status: 200, description: "The mail", schema: summary.extend({ text: z.string(), html: z.string() }) },
})

export interface MailRouteOptions {
  /** Whether mail is caught; otherwise the paths don't exist. */
  readonly catching: boolean
}

export function mailRoutes(app: Hono<AppEnv>, { catching }: MailRouteOptions): void {
  if (!catching) return
  app.get("/v1/admin/mails", list, async (c) => {
    const query = c.req.valid("query")
    const hash = hashText(`mails ${query.to ?? ""}`)
    const position = readPosition(query, hash)
    const rows = await c.get("state").db.read(selectPage(query, position))
    return c.json(toPage(rows, query.limit, position, hash))
  })
  app.get("/v1/admin/mails/:id", get, async (c) => {
    const id = c.req.param("id")
    const [row] = isId(id) ? await c.get("state").db.read(selectMail(id)) : []
    if (!row) throw new SelvedgeError("not_found", "There is no such mail.")
    return c.json({ ...toSummary(row), text: row.text, html: row.html })
  })
  for (const path of ["/v1/admin/mails", "/v1/admin/mails/:id"]) {
    app.all(path, () => {
      throw methodNotAllowed(["GET", "HEAD"])
    })
  }
}

interface Position {
  readonly direction: "after" | "before"
  readonly id: string
}

function readPosition({ after, before }: ListQuery, hash: string): Position | undefined {
  if (after !== undefined && before !== undefined) throw invalidQuery("before", "can't stand beside after")
  const direction = after === undefined ? "before" : "after"
  const text = after ?? before
  if (text === undefined) return undefined
  const [id] = decodeCursor(direction, text, [{ column: tableModel(mails).byKey.get("id") }], hash)
  return { direction, id: id as string }
}

const COLUMNS = "id, at, recipient, purpose, subject"

/** One row more than the limit tells that there is a further page. */
function selectPage({ to, limit }: ListQuery, position: Position | undefined): Query {
  const conditions: string[] = []
  const params: unknown[] = []
  if (to !== undefined) {
    conditions.push("recipient = ?")
    params.push(to)
  }
  const backward = position?.direction === "before"
  if (position) {
    conditions.push(`id ${backward ? ">" : "<"} ?`)
    params.push(position.id)
  }
  const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : ""
  const sql = `SELECT ${COLUMNS} FROM _mails ${where} ORDER BY id ${backward ? "ASC" : "DESC"} LIMIT ?`
  return { sql, params: [...params, limit + 1] }
}

function selectMail(id: string): Query {
  return { sql: `SELECT ${COLUMNS}, "text", html FROM _mails WHERE id = ?`, params: [id] }
}

function toPage(rows: readonly ResultRow[], limit: number, position: Position | undefined, hash: string) {
  const backward = position?.direction === "before"
  const more = rows.length > limit
  const data = rows.slice(0, limit).map(toSummary)
  if (backward) data.reverse()
  const hasNext = backward || more
  const hasPrevious = backward ? more : position !== undefined
  const at = (mail: Summary | undefined) => (mail ? encodeCursor([mail.id], hash) : null)
  return { data, page: { next: hasNext ? at(data.at(-1)) : null, previous: hasPrevious ? at(data[0]) : null } }
}

function toSummary({ id, at, recipient, purpose, subject }: ResultRow): Summary {
  return {
    id: id as string,
    at: new Date(at as number).toISOString(),
    to: recipient as string,
    purpose: purpose as string,
    subject: subject as string,
  }
}
