/** `/v1/admin/mails`: what the mail catcher holds, in local work. */

import type { Hono } from "hono"
import * as z from "zod"
import { SelvedgeError } from "../../core/problem.ts"
import type { ResultRow } from "../../db/query.ts"
import { isId } from "../../records/read.ts"
import { admin } from "../admin.ts"
import type { AppEnv } from "../context.ts"
import { endpoint } from "../endpoint.ts"
import { pageParameters, pageSchema, readPage } from "../keyset.ts"
import { methodNotAllowed } from "../methods.ts"

const LONGEST_ADDRESS = 254

const COLUMNS = "id, at, recipient, purpose, subject"

const listQuery = z.object({
  ...pageParameters,
  to: z.string().max(LONGEST_ADDRESS).optional().describe("Only mails to this address."),
})

const summary = z.object({
  id: z.uuid(),
  at: z.iso.datetime(),
  to: z.string(),
  purpose: z.string(),
  subject: z.string(),
})
type Summary = z.output<typeof summary>

const list = endpoint({
  summary: "List the mails that were caught",
  description: "Newest first; the newest 500 are kept. There is nothing here where mail is really sent.",
  access: admin,
  query: listQuery,
  answer: { status: 200, description: "The mails", schema: pageSchema(summary) },
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
    const { to, ...query } = c.req.valid("query")
    const listing = {
      from: "_mails",
      ids: "text" as const,
      columns: COLUMNS,
      conditions: [["recipient = ?", to]] as const,
    }
    return c.json(await readPage(c.get("state").db, listing, query, toSummary))
  })
  app.get("/v1/admin/mails/:id", get, async (c) => {
    const id = c.req.param("id")
    const select = { sql: `SELECT ${COLUMNS}, "text", html FROM _mails WHERE id = ?`, params: [id] }
    const [row] = isId(id) ? await c.get("state").db.read(select) : []
    if (!row) throw new SelvedgeError("not_found", "There is no such mail.")
    return c.json({ ...toSummary(row), text: row.text, html: row.html })
  })
  for (const path of ["/v1/admin/mails", "/v1/admin/mails/:id"]) {
    app.all(path, () => {
      throw methodNotAllowed(["GET", "HEAD"])
    })
  }
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
