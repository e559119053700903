import { beforeEach, expect, test } from "vitest"
import * as z from "zod"
import { webhook } from "../../src/index.ts"
import { collectDeclarations } from "../../src/jobs/declarations.ts"
import { collectIncoming } from "../../src/webhooks/incoming.ts"
import { START } from "../jobs/scenario.ts"
import { BODY, createIncomingScenario, forgetMessages, NAME, PATH, standardHeaders } from "./incoming-scenario.ts"

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

beforeEach(forgetMessages)

test("a signed message is stored before it is answered, and runs as a job", async () => {
  const scenario = createIncomingScenario()
  const answer = await scenario.post(BODY, standardHeaders(BODY, { id: "msg_1" }))
  expect([answer.status, answer.body]).toEqual([200, { received: true }])
  expect(answer.headers.get("Set-Cookie")).toBeNull()
  const [job] = await scenario.jobs(NAME)
  expect(job).toMatchObject({ state: "queued", input: { id: "msg_1", at: START, body: JSON.parse(BODY) } })
  expect(job!.trace_id).toBe(answer.headers.get("X-Request-Id"))
  await scenario.settled()
  expect(scenario.ran).toEqual([{ id: "msg_1", at: new Date(START), body: JSON.parse(BODY) }])
  expect((await scenario.job(job!.id)).state).toBe("succeeded")
})

test("a message that comes again, once or fifty times at once, is answered 200 and runs once", async () => {
  const scenario = createIncomingScenario()
  const headers = standardHeaders(BODY, { id: "msg_again" })
  const answers = await Promise.all(Array.from({ length: 50 }, () => scenario.post(BODY, headers)))
  expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200))
  await scenario.settled()
  scenario.advance(10 * MINUTE)
  const later = await scenario.post(BODY, standardHeaders(BODY, { id: "msg_again", at: scenario.now() }))
  expect(later.status).toBe(200)
  await scenario.run()
  expect(scenario.ran).toHaveLength(1)
})

test("a job whose message to the queue is lost is found by the clock", async () => {
  const scenario = createIncomingScenario()
  await scenario.post(BODY, standardHeaders(BODY, { id: "msg_lost" }))
  scenario.work.messages.splice(0)
  scenario.advance(MINUTE)
  await scenario.run()
  expect(scenario.ran).toHaveLength(1)
})

test("a body that doesn't fit is stored as a dead letter, which the operator may mend", async () => {
  const seen: unknown[] = []
  const scenario = createIncomingScenario({
    input: z.object({ n: z.number() }),
    run: ({ body }) => {
      seen.push(body)
    },
  })
  for (const [id, body] of [
    ["msg_text", "no JSON"],
    ["msg_wrong", '{"n":"two"}'],
    ["msg_right", '{"n":2}'],
  ] as const) {
    expect((await scenario.post(body, standardHeaders(body, { id }))).status).toBe(200)
  }
  await scenario.settled()
  const jobs = await scenario.jobs(NAME)
  expect(jobs.map(({ input, state, attempts }) => [input.id, input.body, state, attempts])).toEqual([
    ["msg_text", "no JSON", "dead", 1],
    ["msg_wrong", { n: "two" }, "dead", 1],
    ["msg_right", { n: 2 }, "succeeded", 1],
  ])
  expect(jobs[1]!.errors[0]!.message).toContain("the body's n")
  const operator = await scenario.as("service")
  const retry = (input: unknown) => operator.post(`/v1/admin/jobs/${jobs[1]!.id}/retry`, { body: { input } })
  for (const input of [null, { n: 3 }, { ...jobs[1]!.input, at: "soon" }, { ...jobs[1]!.input, body: { n: "3" } }])
    expect((await retry(input)).body.code, JSON.stringify(input)).toBe("validation_failed")
  expect((await retry({ ...jobs[1]!.input, body: { n: 3 } })).status).toBe(200)
  await scenario.settled()
  expect(seen).toEqual([{ n: 2 }, { n: 3 }])
})

test("a run that fails is tried again, while the sender hears nothing of it", async () => {
  const attempts: number[] = []
  const scenario = createIncomingScenario({
    run: (_, { attempt }) => {
      attempts.push(attempt)
      if (attempt === 1) throw new Error("not yet")
    },
  })
  expect((await scenario.post(BODY, standardHeaders(BODY))).status).toBe(200)
  await scenario.settled()
  scenario.advance(MINUTE)
  await scenario.run()
  expect(attempts).toEqual([1, 2])
})

test("messages are forgotten after 30 days", async () => {
  const scenario = createIncomingScenario()
  await scenario.post(BODY, standardHeaders(BODY, { id: "msg_old" }))
  scenario.advance(29 * DAY)
  await scenario.run()
  expect(await scenario.receivedIds()).toContain("msg_old")
  scenario.advance(2 * DAY)
  await scenario.run()
  expect(await scenario.receivedIds()).not.toContain("msg_old")
})

test("its path is in the OpenAPI document, takes no other method, and hides no collection", async () => {
  const scenario = createIncomingScenario({ input: z.object({ type: z.string() }) })
  const document = (await scenario.send("GET", "/openapi.json")).body
  const { post } = document.paths[PATH]
  expect(post).toMatchObject({ security: [{}, { bearer: [] }], tags: ["application"] })
  expect(post.requestBody).toMatchObject({
    required: true,
    content: { "application/json": { schema: { required: ["type"] } } },
  })
  expect(Object.keys(post.responses)).toEqual(expect.arrayContaining(["200", "401", "413", "415"]))
  const read = await scenario.send("GET", PATH)
  expect([read.status, read.headers.get("Allow")]).toEqual([405, "POST, OPTIONS"])
  expect(() => createIncomingScenario({ path: "/v1/films/webhook" })).toThrow("would hide the collection films")
})

test("a path of the engine's own, outside /v1, or taken twice is refused when it is declared", () => {
  const declare = (path: string, name?: string) =>
    webhook({ path, secret: "S", scheme: "stripe", run: () => {}, ...(name !== undefined && { name }) })
  for (const path of [
    "/hooks",
    "/v1",
    "/v1/",
    "/v1/admin/x",
    "/v1/auth",
    "/v1/batch",
    "/v1/x/:id",
    "/v1/x/*",
    "/v1/a b",
  ])
    expect(() => declare(path), path).toThrow(TypeError)
  expect(() => collectIncoming([declare("/v1/a/b"), declare("/v1/a/b", "other")])).toThrow("the path is taken")
  expect(() => collectDeclarations([declare("/v1/a/b"), declare("/v1/a.b")])).toThrow("the name is taken")
})
