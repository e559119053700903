import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import * as z from "zod"
import { collections } from "../../app/collections.ts"
import * as tables from "../../app/schema.ts"
import { anyone, collection, defineBackend, endpoint, expectRows, job, signedIn } from "../../src/index.ts"
import { newId } from "../../src/tables.ts"
import { forgetJobs } from "./engine-scenario.ts"
import { createJobScenario } from "./scenario.ts"

beforeEach(() => forgetJobs(env.DB))

const STAFF = { id: newId(), roles: ["staff"] }
const FILM = { title: "Alien", priceCents: 999, stock: 3 }

const index = job("index", {
  input: z.object({ event: z.string(), id: z.string(), by: z.string(), title: z.string().nullable() }),
  run: ({ title }) => title,
})

function createScenario() {
  const films = collection(tables.films, {
    access: { read: anyone, create: signedIn, update: signedIn, delete: signedIn },
    jobs: {
      create: ({ id, caller, input, enqueue }) => [
        enqueue(index, { event: "create", id, by: caller.kind, title: input.title ?? null }),
      ],
      update: ({ id, caller, input, enqueue }) => [
        enqueue(index, { event: "update", id, by: caller.kind, title: input.title ?? null }),
      ],
      delete: ({ id, caller, input, enqueue }) => [
        enqueue(index, { event: "delete", id, by: caller.kind, title: input ?? null }),
      ],
    },
  })
  const backend = defineBackend({
    tables,
    collections: { ...collections, films },
    routes: (app) =>
      app.post(
        "/v1/import",
        endpoint({
          summary: "Import",
          access: signedIn,
          body: z.object({ sold: z.boolean() }),
          answer: { status: 200, description: "Done" },
        }),
        async (c) => {
          const { records, atomic } = c.var.ctx
          const { films } = records("service")
          const id = newId()
          await atomic([
            films.create({ id, ...FILM }),
            expectRows(1, "not_created"),
            films.update(id, { title: "Aliens" }),
            expectRows(c.req.valid("json").sold ? 2 : 1, "not_updated"),
          ])
          await films.delete(id)
          return c.json({ id })
        },
      ),
  })
  return createJobScenario([index], backend as never)
}

const inputs = async (scenario: ReturnType<typeof createScenario>) =>
  (await scenario.jobs("index")).map(({ input, state }) => [input.event, input.title, input.by, state])

test("each write stores its job with it, and the job runs", async () => {
  const scenario = createScenario()
  const staff = await scenario.as(STAFF)
  const { body } = await staff.post("/v1/films", { body: FILM })
  await scenario.settled()
  expect(await inputs(scenario)).toEqual([["create", "Alien", "user", "succeeded"]])
  expect((await scenario.jobs("index"))[0]!.input.id).toBe(body.id)
  scenario.advance(1)
  await staff.patch(`/v1/films/${body.id}`, { body: { stock: 2 } })
  scenario.advance(1)
  await staff.put(`/v1/films/${body.id}`, { body: { ...FILM, title: "Alien 3" } })
  scenario.advance(1)
  await staff.delete(`/v1/films/${body.id}`)
  scenario.advance(1)
  const made = await staff.put(`/v1/films/${newId()}`, { body: FILM })
  expect(made.status).toBe(201)
  await scenario.settled()
  expect((await inputs(scenario)).slice(1)).toEqual([
    ["update", null, "user", "succeeded"],
    ["update", "Alien 3", "user", "succeeded"],
    ["delete", null, "user", "succeeded"],
    ["create", "Alien", "user", "succeeded"],
  ])
})

test.each([
  ["a create that the table refuses", "POST", "", { ...FILM, priceCents: -1 }, 422],
  ["an update that the table refuses", "PATCH", "id", { priceCents: -1 }, 422],
  ["an update of what isn't there", "PATCH", newId(), { stock: 1 }, 404],
  ["a delete of what isn't there", "DELETE", newId(), undefined, 404],
  ["an update of another version", "PATCH", "id", { stock: 1 }, 412],
])("%s stores no job and sends nothing", async (_, method, at, body, status) => {
  const scenario = createScenario()
  const staff = await scenario.as(STAFF)
  const { id } = (await staff.post("/v1/films", { body: FILM })).body
  await scenario.settled()
  await forgetJobs(env.DB)
  const path = `/v1/films${at === "" ? "" : `/${at === "id" ? id : at}`}`
  const call = { body, ...(status === 412 && { headers: { "If-Match": '"99"' } }) }
  const answer = await staff[method.toLowerCase() as "post" | "patch" | "delete"](path, call as never)
  expect(answer.status).toBe(status)
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(scenario.work.messages).toEqual([])
  expect(await inputs(scenario)).toEqual([])
})

test("a repeat under an Idempotency-Key enqueues nothing", async () => {
  const scenario = createScenario()
  const staff = await scenario.as(STAFF)
  const call = { body: FILM, headers: { "Idempotency-Key": crypto.randomUUID() } }
  const first = await staff.post("/v1/films", call)
  const repeat = await staff.post("/v1/films", call)
  expect(repeat.headers.get("Idempotency-Replayed")).toBe("true")
  expect(repeat.body).toEqual(first.body)
  const put = { body: FILM, headers: { "Idempotency-Key": crypto.randomUUID() } }
  const id = newId()
  expect((await staff.put(`/v1/films/${id}`, put)).status).toBe(201)
  expect((await staff.put(`/v1/films/${id}`, put)).status).toBe(201)
  await scenario.settled()
  expect((await inputs(scenario)).map(([event]) => event)).toEqual(["create", "create"])
})

test("a batch stores the jobs of all its writes, or of none", async () => {
  const scenario = createScenario()
  const staff = await scenario.as(STAFF)
  const { id } = (await staff.post("/v1/films", { body: FILM })).body
  await forgetJobs(env.DB)
  const operations = [
    { method: "POST", path: "/v1/films", body: FILM },
    { method: "PATCH", path: `/v1/films/${id}`, body: { title: "Aliens" } },
    { method: "DELETE", path: `/v1/films/${id}` },
  ]
  const missing = { method: "DELETE", path: `/v1/films/${newId()}` }
  expect((await staff.post("/v1/batch", { body: { operations: [...operations, missing] } })).status).toBe(404)
  expect(await inputs(scenario)).toEqual([])
  expect((await staff.post("/v1/batch", { body: { operations } })).status).toBe(200)
  await scenario.settled()
  expect((await inputs(scenario)).map(([event, title]) => [event, title])).toEqual([
    ["create", "Alien"],
    ["update", "Aliens"],
    ["delete", null],
  ])
})

test("writes inside atomic carry their jobs, and an expectation still counts the rows of the write", async () => {
  const scenario = createScenario()
  const staff = await scenario.as(STAFF)
  expect((await staff.post("/v1/import", { body: { sold: true } })).body.code).toBe("not_updated")
  expect(await inputs(scenario)).toEqual([])
  expect((await staff.post("/v1/import", { body: { sold: false } })).status).toBe(200)
  await scenario.settled()
  expect(await inputs(scenario)).toEqual([
    ["create", "Alien", "service", "succeeded"],
    ["update", "Aliens", "service", "succeeded"],
    ["delete", null, "service", "succeeded"],
  ])
})

test("a function that gives no list of jobs is told to the developer, and nothing is written", async () => {
  const films = collection(tables.films, {
    access: { read: anyone, create: signedIn },
    jobs: { create: (() => "later") as never },
  })
  const scenario = createJobScenario([], defineBackend({ tables, collections: { ...collections, films } }) as never)
  const { status } = await (await scenario.as(STAFF)).post("/v1/films", { body: FILM })
  expect(status).toBe(500)
  expect(JSON.stringify(scenario.logged)).toContain("films.jobs.create: it must return a list of what enqueue() gives")
})
