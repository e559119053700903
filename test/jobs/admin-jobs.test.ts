/** What operators see of jobs, and do to one. */

import { beforeAll, expect, test } from "vitest"
import * as z from "zod"
import { films } from "../../app/schema.ts"
import { job, on } from "../../src/index.ts"
import { newId } from "../../src/tables.ts"
import type { Client } from "../fixture/scenario.ts"
import { toMessage } from "../fixture/work.ts"
import { type AdminScenario, createAdminScenario } from "./admin-scenario.ts"
import { START } from "./scenario.ts"

const ran: unknown[] = []
const receipt = job("receipt", {
  input: z.object({ order: z.number(), fails: z.boolean().default(false) }),
  unique: ({ order }) => `order ${order}`,
  retries: 1,
  backoff: () => 60_000,
  run: ({ order, fails }) => {
    if (fails) throw new Error(`no order ${order}`)
    ran.push(order)
    return { sent: order }
  },
})
let scenario: AdminScenario
let admin: Client
let orders = 0

beforeAll(async () => {
  scenario = await createAdminScenario([receipt])
  admin = scenario.admin
})

/** A receipt that has failed twice. */
async function deadReceipt(): Promise<{ id: string; order: number }> {
  const order = ++orders
  const id = await scenario.enqueue("receipt", { order, fails: true })
  await scenario.run()
  scenario.advance(80_000)
  await scenario.run()
  return { id, order }
}

test("a dead job is found by its state and name, with its input and every error", async () => {
  const { id, order } = await deadReceipt()
  const listed = await admin.get("/v1/admin/jobs?state=dead&name=receipt")
  expect(listed.status).toBe(200)
  const at = expect.stringMatching(/^2026-11-21T12:\d\d:\d\d\.\d{3}Z$/)
  const error = { message: `no order ${order}`, stack: expect.stringContaining("admin-jobs.test.ts") }
  const whole = {
    ...{ id, name: "receipt", state: "dead", input: { order, fails: true }, result: null },
    ...{ attempts: 2, maxAttempts: 2, runAt: at, startedAt: at, finishedAt: at, error, progress: null },
    errors: [1, 2].map((attempt) => ({ attempt, at, durationMs: expect.any(Number), ...error })),
    ...{ traceId: expect.any(String), createdAt: new Date(START).toISOString() },
  }
  expect(listed.body).toEqual({ data: [whole], page: { next: null, previous: null } })
  expect(await admin.get(`/v1/admin/jobs/${id}`)).toMatchObject({ status: 200, body: whole })
  expect((await admin.get("/v1/admin/jobs?state=running&name=receipt")).body.data).toEqual([])
})

test("the dead job runs with an edited input and succeeds, its errors kept", async () => {
  const { id, order } = await deadReceipt()
  const retried = await admin.post(`/v1/admin/jobs/${id}/retry`, { body: { input: { order, fails: false } } })
  expect(retried).toMatchObject({
    status: 200,
    body: { id, state: "queued", attempts: 0, startedAt: null, finishedAt: null, input: { order, fails: false } },
  })
  expect(retried.body.errors).toHaveLength(2)
  await scenario.settled()
  const { body } = await admin.get(`/v1/admin/jobs/${id}`)
  expect(body).toMatchObject({ state: "succeeded", attempts: 1, result: { sent: order } })
  expect(body.errors).toHaveLength(2)
})

test("an edited input is checked as the job checks its own, and nothing changes where it is refused", async () => {
  const { id } = await deadReceipt()
  const large = { order: 1, more: "x".repeat(256 * 1024) }
  const inputs = [
    [{ order: "one" }, "/input/order"],
    [null, "/input"],
    [large, "/input"],
  ] as const
  for (const [input, pointer] of inputs) {
    const refused = await admin.post(`/v1/admin/jobs/${id}/retry`, { body: { input } })
    expect(refused).toMatchObject({ status: 422, body: { code: "validation_failed", errors: [{ pointer }] } })
  }
  const unknown = await admin.post(`/v1/admin/jobs/${id}/retry`, { body: { state: "queued" } })
  expect(unknown).toMatchObject({ status: 422, body: { errors: [{ pointer: "/state", code: "unknown_field" }] } })
  expect(await scenario.job(id)).toMatchObject({ state: "dead", input: { fails: true } })
})

test("of two retries at once, one takes the job and it runs once", async () => {
  const { id, order } = await deadReceipt()
  const body = { input: { order } }
  const answers = await Promise.all([1, 2].map(() => admin.post(`/v1/admin/jobs/${id}/retry`, { body })))
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409])
  await scenario.settled()
  expect(ran.filter((done) => done === order)).toEqual([order])
})

test("a retry without a body gives all attempts anew; one that waits for its retry runs now", async () => {
  const { id } = await deadReceipt()
  expect(await admin.post(`/v1/admin/jobs/${id}/retry`)).toMatchObject({ status: 200 })
  await scenario.settled()
  expect(await scenario.job(id)).toMatchObject({ state: "retrying", attempts: 1 })
  expect(await admin.post(`/v1/admin/jobs/${id}/retry`, { body: {} })).toMatchObject({ status: 200 })
  await scenario.settled()
  const { state, attempts, errors } = await scenario.job(id)
  expect([state, attempts, errors.length]).toEqual(["retrying", 1, 4])
})

test("a retry is refused while an equal job waits, and an edited input brings its own key along", async () => {
  const { id, order } = await deadReceipt()
  await scenario.enqueue("receipt", { order }, { delay: 1_000 })
  const twin = await admin.post(`/v1/admin/jobs/${id}/retry`)
  expect(twin).toMatchObject({ status: 409, body: { code: "conflict", detail: expect.stringContaining("equal") } })
  const other = ++orders
  expect(await admin.post(`/v1/admin/jobs/${id}/retry`, { body: { input: { order: other } } })).toMatchObject({
    status: 200,
  })
  expect(await scenario.enqueue("receipt", { order: other })).toBe(id)
  await scenario.settled()
})

test("a key that was given when the job was enqueued stays with an edited input", async () => {
  const order = ++orders
  const id = await scenario.enqueue("receipt", { order, fails: true }, { unique: "mine" })
  await admin.post(`/v1/admin/jobs/${id}/cancel`)
  await admin.post(`/v1/admin/jobs/${id}/retry`, { body: { input: { order: ++orders } } })
  expect(await scenario.enqueue("receipt", { order }, { unique: "mine" })).toBe(id)
  await scenario.settled()
})

test("a job that waits is cancelled and doesn't run, until it is retried", async () => {
  const order = ++orders
  const id = await scenario.enqueue("receipt", { order }, { delay: 1_000 })
  const cancelled = await admin.post(`/v1/admin/jobs/${id}/cancel`)
  expect(cancelled).toMatchObject({ status: 200, body: { state: "cancelled", finishedAt: expect.any(String) } })
  scenario.advance(2_000)
  await scenario.run()
  expect(ran).not.toContain(order)
  expect(await admin.post(`/v1/admin/jobs/${id}/cancel`)).toMatchObject({ status: 409, body: { code: "conflict" } })
  expect(await admin.post(`/v1/admin/jobs/${id}/retry`)).toMatchObject({ status: 200 })
  await scenario.settled()
  expect(ran).toContain(order)
})

test("cancelling a job lets the next of its order and the next of its lane run", async () => {
  const seen: unknown[] = []
  const stuck = Promise.withResolvers<void>()
  const reaction = on(
    films,
    ["updated"],
    async ({ after }) => {
      seen.push(after?.stock)
      if (after?.stock === 1) await stuck.promise
    },
    { name: "cancel-order" },
  )
  const narrow = job("cancel-lane", {
    input: z.number(),
    concurrency: 1,
    run: async (n) => {
      seen.push(`lane ${n}`)
      if (n === 1) await stuck.promise
    },
  })
  const busy = await createAdminScenario([reaction, narrow])
  const service = await busy.as("service")
  const film = await service.post("/v1/films", { body: { title: "Stuck", priceCents: 1, stock: 0 } })
  for (const stock of [1, 2]) await service.patch(`/v1/films/${film.body.id}`, { body: { stock } })
  for (const n of [1, 2]) await busy.enqueue("cancel-lane", n)
  const working = busy.settled()
  await expect.poll(() => seen.length).toBe(2)
  for (const name of ["cancel-order", "cancel-lane"]) {
    const { data } = (await busy.admin.get(`/v1/admin/jobs?state=running&name=${name}`)).body
    expect(await busy.admin.post(`/v1/admin/jobs/${data[0].id}/cancel`)).toMatchObject({ status: 200 })
  }
  stuck.resolve()
  await working
  await busy.settled()
  expect(seen).toEqual(expect.arrayContaining([1, "lane 1", 2, "lane 2"]))
  for (const name of ["cancel-order", "cancel-lane"])
    expect((await busy.jobs(name)).map(({ state }) => state)).toEqual(["cancelled", "succeeded"])
})

test("a job is discarded once it has ended, with the steps that it kept", async () => {
  const { id } = await deadReceipt()
  await scenario.d1
    .prepare("INSERT INTO _job_steps (job_id, name, result, created_at) VALUES (?, 'step', '1', 0)")
    .bind(id)
    .run()
  expect(await admin.delete(`/v1/admin/jobs/${id}`)).toMatchObject({ status: 204, body: undefined })
  expect(await admin.get(`/v1/admin/jobs/${id}`)).toMatchObject({ status: 404, body: { code: "not_found" } })
  const steps = scenario.d1.prepare("SELECT count(*) AS n FROM _job_steps WHERE job_id = ?").bind(id)
  expect(await steps.first("n")).toBe(0)
  const waiting = await scenario.enqueue("receipt", { order: ++orders }, { delay: 1_000 })
  expect(await admin.delete(`/v1/admin/jobs/${waiting}`)).toMatchObject({ status: 409, body: { code: "conflict" } })
  await scenario.settled()
})

test("a job that succeeded, and one that nobody knows, can't be retried", async () => {
  const id = await scenario.enqueue("receipt", { order: ++orders })
  await scenario.settled()
  expect(await admin.post(`/v1/admin/jobs/${id}/retry`)).toMatchObject({ status: 409, body: { code: "conflict" } })
  for (const unknown of [newId(), "no-id", "%00"]) {
    const answers = [
      await admin.get(`/v1/admin/jobs/${unknown}`),
      await admin.post(`/v1/admin/jobs/${unknown}/retry`),
      await admin.post(`/v1/admin/jobs/${unknown}/cancel`),
      await admin.delete(`/v1/admin/jobs/${unknown}`),
    ]
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404])
  }
})

test("a job whose declaration is gone and a message that nobody understands are refused with the reason", async () => {
  const { id } = await deadReceipt()
  scenario.work.messages.push(toMessage({ something: "else" }))
  await scenario.settled()
  const later = await createAdminScenario([])
  const undeclared = await later.admin.post(`/v1/admin/jobs/${id}/retry`)
  expect(undeclared).toMatchObject({ status: 409, body: { detail: expect.stringContaining("receipt") } })
  const { data } = (await later.admin.get("/v1/admin/jobs?name=message&limit=1")).body
  expect(data[0]).toMatchObject({ state: "dead", input: { something: "else" } })
  const message = await later.admin.post(`/v1/admin/jobs/${data[0].id}/retry`)
  expect(message).toMatchObject({ status: 409, body: { detail: expect.stringContaining("discard") } })
  expect(await later.admin.delete(`/v1/admin/jobs/${data[0].id}`)).toMatchObject({ status: 204 })
})

test("a change that the feed's sink refused is taken by the sink when it is retried, or discarded", async () => {
  const took: unknown[] = []
  const reaction = on(films, ["created"], ({ id }) => took.push(id), { name: "feed-retry" })
  const fed = await createAdminScenario([reaction])
  const change = { seq: 1, table: "films", recordId: newId(), op: "insert", before: null, after: { id: "x" }, at: 1 }
  const bury = async (id: string) =>
    await fed.d1
      .prepare(
        `INSERT INTO _jobs (id, name, state, input, attempts, max_attempts, run_at, created_at, finished_at)
VALUES (?, 'feed:reactions', 'dead', ?, 1, 1, 1, 1, 1)`,
      )
      .bind(id, JSON.stringify(change))
      .run()
  const [kept, discarded] = [newId(), newId()]
  for (const id of [kept, discarded]) await bury(id)
  expect(await fed.admin.post(`/v1/admin/jobs/${kept}/retry`)).toMatchObject({ status: 200 })
  expect(await fed.admin.delete(`/v1/admin/jobs/${discarded}`)).toMatchObject({ status: 204 })
  await fed.run()
  expect(await fed.job(kept)).toMatchObject({ state: "succeeded" })
  expect(took).toEqual([change.recordId])
})
