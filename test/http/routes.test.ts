import { env } from "cloudflare:workers"
import { eq, sql } from "drizzle-orm"
import { ApplicationError, anyone, defineBackend, endpoint, expectRows, type Router, signedIn } from "selvedge"
import { describe, expect, test } from "vitest"
import * as z from "zod"
import { collections } from "../fixture/backend.ts"
import { createScenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"

const { notes, teams } = tables
const ADA = "0199aaaa-0000-7000-8000-000000000041"
const answer = { status: 200, description: "Done" } as const

function routes(app: Router<typeof collections>) {
  app.post(
    "/v1/double",
    endpoint({
      summary: "Doubles",
      access: anyone,
      body: z.strictObject({ n: z.int().max(100) }),
      query: z.strictObject({ by: z.coerce.number().default(2) }),
      answer,
    }),
    (c) => c.json({ n: c.req.valid("json").n * c.req.valid("query").by }),
  )
  app.get("/v1/mine", endpoint({ summary: "Own notes", access: signedIn, answer }), async (c) => {
    const { records, caller } = c.var.ctx
    return c.json(await records(caller).notes.list({ filter: { ownerId: caller.id }, sort: "rank" }))
  })
  app.post(
    "/v1/both",
    endpoint({
      summary: "Two writes",
      access: signedIn,
      body: z.object({ title: z.string(), team: z.string() }),
      answer,
      idempotency: "optional",
    }),
    async (c) => {
      const { atomic, caller, db, records } = c.var.ctx
      const { title, team } = c.req.valid("json")
      const body = { title, team }
      const [note] = await atomic(
        [
          records(caller).notes.create({ title, ownerId: caller.id }),
          db.insert(teams).values({ name: team }),
          expectRows(1, "never"),
          db.update(notes).set({ body: sql`'counted'` }).where(eq(notes.title, title)),
          expectRows(1, "title_taken", "There are more notes of this title."),
          records("service").teams.create({ name: `${team} 2` }),
        ],
        { status: 200, body },
      )
      expect(note).toMatchObject({ title })
      return c.json(body)
    },
  )
  app.post(
    "/v1/stray",
    endpoint({ summary: "Writes outside atomic", access: signedIn, answer, idempotency: "required" }),
    async (c) => {
      await c.var.ctx.records("service").teams.create({ name: "stray" })
      return c.json({})
    },
  )
  app.get("/v1/raw", endpoint({ summary: "Asks Drizzle", access: signedIn, answer }), async (c) => {
    const { db } = c.var.ctx
    const counted = await db.select({ name: teams.name }).from(teams)
    await db.batch([db.select().from(teams), db.delete(teams).where(eq(teams.name, "never"))])
    return c.json({ counted: counted.length })
  })
  app.get(
    "/v1/searched",
    endpoint({ summary: "Takes words", access: anyone, query: z.object({ word: z.string().optional() }), answer }),
    (c) => c.json({ word: c.req.valid("query").word ?? null }),
  )
  app.get("/v1/teapot", endpoint({ summary: "Refuses", access: anyone, answer, problems: ["teapot"] }), () => {
    throw new ApplicationError("teapot", "I am a teapot.", { status: 409 })
  })
}

const scenario = createScenario(defineBackend({ tables, collections, routes }), env.FIXTURE)

describe("a route of the application", () => {
  test("gets a body and a query that are valid", async () => {
    const anonymous = await scenario.as("anonymous")
    expect((await anonymous.post("/v1/double", { body: { n: 4 } })).body).toEqual({ n: 8 })
    expect((await anonymous.post("/v1/double?by=3", { body: { n: 4 } })).body).toEqual({ n: 12 })
    expect((await anonymous.post("/v1/double", { body: { n: 101 } })).body.errors).toMatchObject([
      { pointer: "/n", code: "too_big" },
    ])
    expect(
      (await anonymous.post("/v1/double", { body: "n=1", headers: { "Content-Type": "text/plain" } })).status,
    ).toBe(415)
    expect((await anonymous.get("/v1/double")).headers.get("Allow")).toBe("POST, OPTIONS")
  })

  test("refuses parameters that it doesn't have, or has twice, and names them", async () => {
    const anonymous = await scenario.as("anonymous")
    const ada = await scenario.as({ id: ADA })
    const refused = [
      [await ada.get("/v1/mine?x=3"), "x"],
      [await ada.post("/v1/both?x=3", { body: { title: "x", team: "x" } }), "x"],
      [await anonymous.post("/v1/double?x=3", { body: { n: 1 } }), "x"],
      [await anonymous.post("/v1/double?by=3&by=4", { body: { n: 1 } }), "by"],
      [await anonymous.get("/v1/searched?word=a&words=b"), "words"],
    ] as const
    for (const [answer, parameter] of refused)
      expect(answer.body).toMatchObject({ status: 400, code: "invalid_query", errors: [{ parameter }] })
    expect((await anonymous.get("/v1/searched?word=a")).body).toEqual({ word: "a" })
    expect((await anonymous.get("/v1/mine?x=3")).status).toBe(401)
  })

  test("points to each field that its body doesn't have", async () => {
    const anonymous = await scenario.as("anonymous")
    const refused = await anonymous.post("/v1/double", { body: { n: "1", name: "a", "a/b~c": 1 } })
    expect(refused.body).toMatchObject({ status: 422, code: "validation_failed", detail: "3 fields are not valid" })
    expect(refused.body.errors).toEqual([
      { pointer: "/n", code: "invalid_type", message: expect.any(String) },
      { pointer: "/name", code: "unknown_field", message: "there is no such field" },
      { pointer: "/a~1b~0c", code: "unknown_field", message: "there is no such field" },
    ])
  })

  test("refuses, before anything else, callers that take no JSON", async () => {
    const anonymous = await scenario.as("anonymous")
    const headers = { Accept: "text/html" }
    expect((await anonymous.get("/v1/teapot", { headers })).body).toMatchObject({ status: 406, code: "not_acceptable" })
    expect((await anonymous.get("/v1/mine", { headers })).status).toBe(406)
    expect((await anonymous.post("/v1/double", { headers, body: { n: 4 } })).status).toBe(406)
    expect((await anonymous.get("/v1/searched", { headers: { Accept: "text/html, */*;q=0.8" } })).status).toBe(200)
  })

  test("is closed to callers that its access leaves out", async () => {
    expect((await (await scenario.as("anonymous")).get("/v1/mine")).status).toBe(401)
  })

  test("refuses with a problem of its own", async () => {
    const refused = await (await scenario.as("anonymous")).get("/v1/teapot")
    expect(refused.body).toMatchObject({ status: 409, code: "teapot", title: "Teapot", detail: "I am a teapot." })
  })

  test("is counted in the log with what it asks through Drizzle, and what its bookmark takes after a write", async () => {
    const ada = await scenario.as({ id: ADA })
    await ada.get("/v1/raw")
    expect(scenario.logged.at(-1)).toMatchObject({ trips: 3, statements: 4 })
  })

  test("reads records as its caller does", async () => {
    const ada = await scenario.as({ id: ADA })
    await ada.post("/v1/notes", { body: { title: "mine", ownerId: ADA } })
    expect((await ada.get("/v1/mine")).body.data).toMatchObject([{ title: "mine" }])
  })
})

describe("atomic", () => {
  const count = async (table: string, where: string) =>
    (await env.FIXTURE.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${where}`).first<number>("n"))!

  test("runs Drizzle statements and record operations as one batch", async () => {
    const ada = await scenario.as({ id: ADA })
    scenario.counted.trips = 0
    const done = await ada.post("/v1/both", { body: { title: "both", team: "reds" } })
    expect(done.status, done.text).toBe(200)
    expect(scenario.counted.trips).toBe(1)
    expect(await count("teams", "name LIKE 'reds%'")).toBe(2)
    expect(await count("notes", "title = 'both' AND body = 'counted' AND version = 2")).toBe(1)
  })

  test("an expectation that doesn't hold undoes everything", async () => {
    const ada = await scenario.as({ id: ADA })
    const refused = await ada.post("/v1/both", { body: { title: "both", team: "blues" } })
    expect(refused.body).toMatchObject({
      status: 422,
      code: "title_taken",
      detail: "There are more notes of this title.",
    })
    expect(await count("teams", "name LIKE 'blues%'")).toBe(0)
  })

  test("a key gives the first answer again, also while many ask at once", async () => {
    const ada = await scenario.as({ id: ADA })
    const send = () =>
      ada.post("/v1/both", { body: { title: "keyed", team: "greens" }, headers: { "Idempotency-Key": "k" } })
    const answers = await Promise.all(Array.from({ length: 20 }, send))
    expect(answers.map((one) => one.status)).toEqual(Array(20).fill(200))
    expect(answers.filter((one) => one.headers.get("Idempotency-Replayed")).length).toBe(19)
    expect(await count("teams", "name LIKE 'greens%'")).toBe(2)
    expect(
      (await ada.post("/v1/both", { body: { title: "other", team: "greens" }, headers: { "Idempotency-Key": "k" } }))
        .body.code,
    ).toBe("idempotency_mismatch")
  })

  test("an idempotent route that writes beside its atomic fails before it writes", async () => {
    const ada = await scenario.as({ id: ADA })
    const failed = await ada.post("/v1/stray", { headers: { "Idempotency-Key": "stray" } })
    expect(failed.status).toBe(500)
    expect(JSON.stringify(scenario.logged.slice(-2))).toContain("ctx.atomic(statements, answer)")
    expect(await count("teams", "name = 'stray'")).toBe(0)
  })
})

test("a route that would hide a collection fails at start", () => {
  const hiding = defineBackend({
    tables,
    collections,
    routes: (app) => app.get("/v1/notes/:id/extra", (c) => c.text("x")),
  })
  expect(() => createScenario(hiding, env.FIXTURE)).toThrow(
    /^routes: \/v1\/notes\/:id\/extra would hide the collection notes/,
  )
})
