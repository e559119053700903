/** The fixture's backend with routes of its own that ask the database in each way there is. */

import { eq, sql } from "drizzle-orm"
import { anyone, type Backend, defineBackend, endpoint, type Router } from "selvedge"
import * as z from "zod"
import { collections } from "../fixture/backend.ts"
import * as tables from "../fixture/schema.ts"

const { teams } = tables
const answer = { status: 200, description: "Done" } as const
const name = z.object({ name: z.string() })

function routes(app: Router<typeof collections>) {
  app.get("/v1/drizzle", endpoint({ summary: "Asks Drizzle", access: anyone, answer }), async (c) => {
    const rows = await c.var.ctx.db.select({ name: teams.name }).from(teams).orderBy(teams.name)
    return c.json(rows.map((row) => row.name))
  })
  app.get("/v1/records", endpoint({ summary: "Asks for records", access: anyone, answer }), async (c) => {
    const { data } = await c.var.ctx.records("service").teams.list({ sort: "name" })
    return c.json(data.map((team) => team.name))
  })
  app.get("/v1/many", endpoint({ summary: "Asks 1,000 times at once", access: anyone, answer }), async (c) => {
    const { db } = c.var.ctx
    const rows = await Promise.all(Array.from({ length: 1_000 }, () => db.get<{ n: number }>(sql`SELECT 1 AS n`)))
    return c.json(rows.length)
  })
  app.post("/v1/drizzle", endpoint({ summary: "Writes", access: anyone, body: name, answer }), async (c) => {
    const { db } = c.var.ctx
    const before = await db.select().from(teams)
    await db.insert(teams).values({ name: c.req.valid("json").name })
    return c.json((await db.select().from(teams)).length - before.length)
  })
  app.post("/v1/mixed", endpoint({ summary: "Reads and writes", access: anyone, body: name, answer }), async (c) => {
    const { db, atomic } = c.var.ctx
    const own = db
      .select()
      .from(teams)
      .where(eq(teams.name, c.req.valid("json").name))
    const before = await own
    await atomic([db.insert(teams).values({ name: c.req.valid("json").name })])
    return c.json([before.length, (await own).length])
  })
  app.post(
    "/v1/once",
    endpoint({ summary: "Writes once", access: anyone, body: name, answer, idempotency: "required" }),
    async (c) => {
      const body = { made: c.req.valid("json").name }
      await c.var.ctx.atomic([c.var.ctx.db.insert(teams).values({ name: body.made })], { status: 200, body })
      return c.json(body)
    },
  )
}

export const backend: Backend = defineBackend({ tables, collections, routes })
