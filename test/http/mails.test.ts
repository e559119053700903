import { env } from "cloudflare:workers"
import type { Hono } from "hono"
import { defineBackend } from "selvedge"
import { beforeEach, describe, expect, test } from "vitest"
import type { AppEnv } from "../../src/http/context.ts"
import { mailRoutes } from "../../src/http/routes/mails.ts"
import { createCatcher } from "../../src/mail/catcher.ts"
import { collections } from "../fixture/backend.ts"
import { createScenario, type Scenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"

const AT = Date.UTC(2026, 10, 20, 12)
const ADA = { id: "0199aaaa-0000-7000-8000-000000000051" }
const ADMIN = { id: "0199aaaa-0000-7000-8000-000000000052", roles: ["admin"] }
const UNKNOWN = "0199aaaa-0000-7000-8000-000000000053"

const backendOf = (catching: boolean) =>
  defineBackend({
    tables,
    collections,
    routes: (app: unknown) => mailRoutes(app as Hono<AppEnv>, { catching }),
  })
const scenario = createScenario(backendOf(true), env.FIXTURE)
const catcher = createCatcher({ db: env.FIXTURE, now: () => AT, log: () => {} })

beforeEach(async () => {
  await env.FIXTURE.exec("DELETE FROM _mails")
})

async function send(subject: string, to = "ada@example.com"): Promise<void> {
  await catcher.send({ to, purpose: "sign-in-code", subject, text: `${subject}\n`, html: `<p>${subject}</p>` })
}

async function sendMany(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await send(String(i), i % 2 === 0 ? "ada@example.com" : "bob@example.com")
}

async function get(path: string, of: Scenario = scenario) {
  return (await of.as(ADMIN)).get(path)
}

const subjects = (answer: { body: { data: { subject: string }[] } }) => answer.body.data.map(({ subject }) => subject)

describe("the list of caught mails", () => {
  test("has the newest first, without their bodies", async () => {
    await send("first")
    await send("second", "bob@example.com")
    const answer = await get("/v1/admin/mails")
    expect(answer.status, answer.text).toBe(200)
    const common = { id: expect.stringMatching(/^[0-9a-f-]{36}$/), at: "2026-11-20T12:00:00.000Z" }
    expect(answer.body).toEqual({
      data: [
        { ...common, to: "bob@example.com", purpose: "sign-in-code", subject: "second" },
        { ...common, to: "ada@example.com", purpose: "sign-in-code", subject: "first" },
      ],
      page: { next: null, previous: null },
    })
    expect(answer.headers.get("Cache-Control")).toBe("private, no-store")
  })

  test("pages to its end and back again", async () => {
    await sendMany(5)
    const first = await get("/v1/admin/mails?limit=2")
    expect([subjects(first), first.body.page.previous]).toEqual([["4", "3"], null])
    const second = await get(`/v1/admin/mails?limit=2&after=${first.body.page.next}`)
    expect(subjects(second)).toEqual(["2", "1"])
    const third = await get(`/v1/admin/mails?limit=2&after=${second.body.page.next}`)
    expect([subjects(third), third.body.page.next]).toEqual([["0"], null])
    const back = await get(`/v1/admin/mails?limit=2&before=${third.body.page.previous}`)
    expect(back.body).toEqual(second.body)
    const start = await get(`/v1/admin/mails?limit=2&before=${back.body.page.previous}`)
    expect(start.body).toEqual(first.body)
  })

  test("holds 20 mails unless told, and one page ends where the list does", async () => {
    await sendMany(21)
    const first = await get("/v1/admin/mails")
    expect(subjects(first).length).toBe(20)
    expect(subjects(await get(`/v1/admin/mails?after=${first.body.page.next}`))).toEqual(["0"])
    expect((await get("/v1/admin/mails?limit=21")).body.page.next).toBe(null)
  })

  test("can be of one recipient, page by page", async () => {
    await sendMany(6)
    const first = await get("/v1/admin/mails?to=bob@example.com&limit=2")
    expect(subjects(first)).toEqual(["5", "3"])
    const { next } = first.body.page
    expect(subjects(await get(`/v1/admin/mails?to=bob@example.com&limit=2&after=${next}`))).toEqual(["1"])
    expect((await get("/v1/admin/mails?to=eve@example.com")).body.data).toEqual([])
    const other = await get(`/v1/admin/mails?after=${next}`)
    expect(other.body).toMatchObject({ status: 400, code: "invalid_query", errors: [{ parameter: "after" }] })
    const both = await get(`/v1/admin/mails?to=bob@example.com&after=${next}&before=${next}`)
    expect(both.body).toMatchObject({ status: 400, code: "invalid_query", errors: [{ parameter: "before" }] })
  })

  test.each([
    "limit=0",
    "limit=101",
    "limit=x",
    "limit=1.5",
    "after=x",
    "before=",

    "to=a&to=b",
    "x=1",
  ])("with %s is 400", async (query) => {
    const answer = await get(`/v1/admin/mails?${query}`)
    expect(answer.body, answer.text).toMatchObject({ status: 400, code: "invalid_query" })
  })
})

describe("a caught mail", () => {
  test("is read with its text and HTML", async () => {
    await send("Hello")
    const [listed] = (await get("/v1/admin/mails")).body.data
    const answer = await get(`/v1/admin/mails/${listed.id}`)
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ ...listed, text: "Hello\n", html: "<p>Hello</p>" })
    expect(answer.headers.get("Content-Type")).toMatch(/^application\/json/)
  })

  test("that isn't there is 404", async () => {
    expect((await get(`/v1/admin/mails/${UNKNOWN}`)).body.code).toBe("not_found")
    scenario.counted.trips = 0
    for (const id of ["x", "\u0000", "' OR 1=1 --"]) {
      expect((await get(`/v1/admin/mails/${encodeURIComponent(id)}`)).body.code, id).toBe("not_found")
    }
    expect(scenario.counted.trips).toBe(0)
  })
})

const PATHS = ["/v1/admin/mails", `/v1/admin/mails/${UNKNOWN}`, "/v1/admin/mails?limit=0"]

test("59: only admins and the service may look, whatever the rest of the request", async () => {
  for (const path of PATHS) {
    expect((await (await scenario.as("anonymous")).get(path)).status, path).toBe(401)
    for (const roles of [[], ["staff"], ["Admin"]]) {
      expect((await (await scenario.as({ ...ADA, roles })).get(path)).status, path).toBe(403)
    }
  }
  expect((await (await scenario.as("service")).get("/v1/admin/mails")).status).toBe(200)
})

test("the mails can't be written; other methods are 405", async () => {
  const client = await scenario.as(ADMIN)
  for (const path of PATHS) {
    for (const method of ["post", "put", "patch", "delete"] as const) {
      const answer = await client[method](path, method === "delete" ? {} : { body: {} })
      expect([answer.status, answer.headers.get("Allow")], path).toEqual([405, "GET, HEAD, OPTIONS"])
    }
  }
  expect((await client.head("/v1/admin/mails")).status).toBe(200)
})

test("where mail is really sent the paths are 404 for everybody", async () => {
  await send("Hello")
  const [{ id }] = (await get("/v1/admin/mails")).body.data
  const sending = createScenario(backendOf(false), env.FIXTURE)
  for (const caller of ["anonymous", ADA, ADMIN, "service"] as const) {
    const client = await sending.as(caller)
    for (const path of [...PATHS, `/v1/admin/mails/${id}`]) {
      for (const method of ["get", "post", "delete"] as const) {
        expect((await client[method](path)).body.code, `${method} ${path}`).toBe("not_found")
      }
    }
  }
  expect(JSON.stringify((await get("/openapi.json", sending)).body)).not.toContain("/v1/admin/mails")
})

test("the OpenAPI document has both", async () => {
  const { paths } = (await get("/openapi.json")).body
  const listed = paths["/v1/admin/mails"].get
  expect(listed.parameters.map(({ name }: { name: string }) => name)).toEqual(["limit", "after", "before", "to"])
  expect(listed.parameters[0].schema).toMatchObject({ type: "integer", minimum: 1, maximum: 100, default: 20 })
  expect(listed.security).toEqual([{ bearer: ["admin"] }])
  expect(paths["/v1/admin/mails/{id}"].get.responses).toHaveProperty("404")
})
